//! Signing what is carried by hand, and believing nobody else.
//!
//! A device signs with the key of its own certificate; whoever reads checks the
//! chain up to the authorities it was configured with. So a stick that passed
//! through many hands can lose pieces and cannot gain any.

use std::sync::Arc;
use std::time::SystemTime;

use kbwatch_proto::carry::{Kind, Sealed};
use rustls::SignatureScheme;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::sign::SigningKey;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::config::TlsConfig;
use crate::credentials::{self, CredentialsError};
use crate::identity::{self, Named};

/// What keeps a signature from meaning anything elsewhere.
const PURPOSE: &[u8] = b"kbwatch carry 1\0";

/// Schemes to sign with, as far as the key can.
const SCHEMES: [SignatureScheme; 5] = [
    SignatureScheme::ED25519,
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PKCS1_SHA256,
];

/// A piece that cannot be signed, or must not be believed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// A certificate or key cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The key cannot sign.
    #[error("sign with the key of this certificate")]
    Key(#[source] rustls::Error),
    /// Nobody, or nobody we trust, signed it.
    #[error("no certificate of our authorities stands behind it")]
    Stranger(#[source] Option<webpki::Error>),
    /// It is not what was signed.
    #[error("its signature does not fit")]
    Forged,
}

/// Signs as the holder of a certificate.
pub(super) struct Signer {
    key: Arc<dyn SigningKey>,
    certificates: Vec<Vec<u8>>,
}

impl Signer {
    pub(super) fn new(tls: &TlsConfig) -> Result<Self, SealError> {
        let own = credentials::own(tls)?;
        Ok(Self {
            certificates: own.cert.iter().map(|one| one.to_vec()).collect(),
            key: own.key,
        })
    }

    pub(super) fn seal(&self, kind: Kind, body: Vec<u8>) -> Result<Sealed, SealError> {
        let unfit = || SealError::Key(rustls::Error::General("no scheme fits the key".to_owned()));
        let signer = self.key.choose_scheme(&SCHEMES).ok_or_else(unfit)?;
        let signature = signer.sign(&to_sign(kind, &body)).map_err(SealError::Key)?;
        Ok(Sealed {
            kind: kind.into(),
            body,
            certificates: self.certificates.clone(),
            scheme: u16::from(signer.scheme()).into(),
            signature,
        })
    }
}

/// Believes what certificates of some authorities signed.
pub(super) struct Verifier {
    authorities: Vec<CertificateDer<'static>>,
}

impl Verifier {
    pub(super) fn new(tls: &TlsConfig) -> Result<Self, SealError> {
        Ok(Self {
            authorities: credentials::authorities(tls)?,
        })
    }

    /// Who signed a piece.
    pub(super) fn verify(&self, sealed: &Sealed) -> Result<Named, SealError> {
        let stranger = |error| SealError::Stranger(Some(error));
        let mut chain = sealed
            .certificates
            .iter()
            .map(|der| CertificateDer::from(der.as_slice()));
        let own = chain.next().ok_or(SealError::Stranger(None))?;
        let between: Vec<_> = chain.collect();
        let anchors: Result<Vec<_>, _> = self
            .authorities
            .iter()
            .map(anchor_from_trusted_cert)
            .collect();
        let anchors = anchors.map_err(stranger)?;
        let known = default_provider().signature_verification_algorithms;
        let certificate = EndEntityCert::try_from(&own).map_err(stranger)?;
        certificate
            .verify_for_usage(
                known.all,
                &anchors,
                &between,
                now(),
                KeyUsage::client_auth(),
                None,
                None,
            )
            .map_err(stranger)?;
        let scheme = u16::try_from(sealed.scheme).map_err(|_| SealError::Forged)?;
        let scheme = SignatureScheme::from(scheme);
        let algorithms = known.mapping.iter().find(|(one, _)| *one == scheme);
        let (_, algorithms) = algorithms.ok_or(SealError::Forged)?;
        let signed = to_sign(sealed.kind(), &sealed.body);
        let fits = algorithms.iter().any(|algorithm| {
            certificate
                .verify_signature(*algorithm, &signed, &sealed.signature)
                .is_ok()
        });
        if !fits {
            return Err(SealError::Forged);
        }
        identity::of_der(&own).ok_or(SealError::Stranger(None))
    }
}

fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixTime::since_unix_epoch(since.unwrap_or_default())
}

fn to_sign(kind: Kind, body: &[u8]) -> Vec<u8> {
    let kind = match kind {
        Kind::Unspecified => 0,
        Kind::Part => 1,
        Kind::Receipts => 2,
    };
    [PURPOSE, &[kind], body].concat()
}
