//! The files of mutual TLS, and what they make together: whole or not at all.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime,
};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tracing::warn;

use super::unlisted::without;
use crate::config::{TlsConfig, TlsVersion};

/// Certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("read the certificate file {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file is no PEM.
    #[error("read the certificate file {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: pem::Error,
    },
    /// A file holds nothing of what is needed.
    #[error("{path} holds no certificate")]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// The authority and its list cannot verify anybody.
    #[error("verify collectors by {path}")]
    Authority {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Certificate and key do not fit each other.
    #[error("serve with the certificate {path} and its key")]
    Pair {
        /// Which certificate.
        path: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
}

/// What lay in the files at one moment.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) cert: Vec<u8>,
    key: Vec<u8>,
    pub(super) client_ca: Vec<u8>,
    pub(super) client_crl: Option<Vec<u8>>,
}

impl Files {
    pub(super) fn read(config: &TlsConfig) -> Result<Self, TlsError> {
        let bytes = |path: &Path| {
            std::fs::read(path).map_err(|source| TlsError::Read {
                path: path.to_owned(),
                source,
            })
        };
        Ok(Self {
            cert: bytes(&config.cert)?,
            key: bytes(&config.key)?,
            client_ca: bytes(&config.client_ca)?,
            client_crl: config.client_crl.as_deref().map(bytes).transpose()?,
        })
    }
}

/// Who may come in, and what the gateway shows of itself.
pub(super) struct Guard {
    pub(super) server: Arc<ServerConfig>,
    /// For whom has no certificate yet: the gateway shows the same, and asks for
    /// none.
    pub(super) enrolling: Arc<ServerConfig>,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Guard {
    /// # Errors
    /// Names the file that does not do.
    pub(super) fn of(files: &Files, config: &TlsConfig) -> Result<Self, TlsError> {
        let pair = |source| TlsError::Pair {
            path: config.cert.clone(),
            source,
        };
        let verifier = verifier(files, config)?;
        for authority in without(files, config)? {
            warn!(
                authority,
                "this authority of receive.tls.client_ca has no list in client_crl: \
                 nobody whom it signed for is let in"
            );
        }
        let key = PrivateKeyDer::from_pem_slice(&files.key).map_err(|source| TlsError::File {
            path: config.key.clone(),
            source,
        })?;
        let chain = certificates(&files.cert, &config.cert)?;
        // With a memory of its own for sessions: one that was begun under other
        // files is not resumed, its certificate is looked at again.
        let builder = || {
            ServerConfig::builder_with_provider(Arc::new(default_provider()))
                .with_protocol_versions(versions(config.min_version))
                .map_err(pair)
        };
        let server = builder()?
            .with_client_cert_verifier(verifier.clone())
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(pair)?;
        let enrolling = builder()?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(pair)?;
        Ok(Self {
            server: with_http2(server),
            enrolling: with_http2(enrolling),
            verifier,
        })
    }

    /// Whether a chain that was let in once would be let in now.
    pub(super) fn verify(&self, chain: &[CertificateDer<'_>]) -> Result<(), rustls::Error> {
        let Some((leaf, between)) = chain.split_first() else {
            // Who shows none is told so by the service, in words.
            return Ok(());
        };
        let now = UnixTime::now();
        self.verifier.verify_client_cert(leaf, between, now)?;
        Ok(())
    }
}

fn with_http2(mut server: ServerConfig) -> Arc<ServerConfig> {
    server.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(server)
}

fn versions(least: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    match least {
        TlsVersion::Tls12 => &BOTH,
        TlsVersion::Tls13 => &BOTH[..1],
    }
}

fn verifier(files: &Files, config: &TlsConfig) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    type Source = Box<dyn std::error::Error + Send + Sync>;
    let refused = |path: &Path, source: Source| TlsError::Authority {
        path: path.to_owned(),
        source,
    };
    let authority = |source| refused(&config.client_ca, source);
    let mut roots = RootCertStore::empty();
    for root in certificates(&files.client_ca, &config.client_ca)? {
        roots.add(root).map_err(|error| authority(error.into()))?;
    }
    let provider = Arc::new(default_provider());
    let mut builder = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
        // Who shows none is told so by the service, in words.
        .allow_unauthenticated();
    if let (Some(bytes), Some(path)) = (&files.client_crl, &config.client_crl) {
        builder = builder
            // Every certificate below the authorities named here: a revoked
            // authority takes all that it signed with it.
            .with_crls(revocations(bytes, path)?);
    }
    let path = config.client_crl.as_ref().unwrap_or(&config.client_ca);
    let built = builder.build();
    built.map_err(|error| refused(path, error.into()))
}

pub(super) fn certificates(
    bytes: &[u8],
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = blocks(CertificateDer::pem_slice_iter(bytes), path)?;
    if found.is_empty() {
        return Err(TlsError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(found)
}

pub(super) fn revocations(
    bytes: &[u8],
    path: &Path,
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let found = blocks(CertificateRevocationListDer::pem_slice_iter(bytes), path)?;
    if found.is_empty() && !bytes.is_empty() {
        // Windows' authorities publish DER; what is neither is found out later.
        return Ok(vec![CertificateRevocationListDer::from(bytes.to_vec())]);
    }
    if found.is_empty() {
        return Err(TlsError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(found)
}

fn blocks<T>(
    found: impl Iterator<Item = Result<T, pem::Error>>,
    path: &Path,
) -> Result<Vec<T>, TlsError> {
    found
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::File {
            path: path.to_owned(),
            source,
        })
}
