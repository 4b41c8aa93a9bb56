//! A small certificate authority: for demos, tests and first installations.
//!
//! A bank has its own authority; what kbwatch needs from it is a client
//! certificate per device with the URI name `urn:kbwatch:device:<id>`, and for
//! carriers of foreign logs `urn:kbwatch:role:importer`.

mod certified;
mod issue;
mod request;
mod revoke;
mod tokens;

pub use certified::CertifiedKey;
pub use request::{RequestError, Requested};
pub use revoke::name_of;
pub use tokens::{Certified, Grant, TokenError, Tokens};

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// A certificate that cannot be made or kept.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A name that no certificate can carry, or a damaged key.
    #[error("make the certificate of {subject}")]
    Make {
        /// Whose.
        subject: String,
        /// Why not.
        source: rcgen::Error,
    },
    /// A text that can be no device's id.
    #[error("{id:?} is no device id: letters, digits, '.', '_' and '-', at most 128")]
    Id {
        /// Which text.
        id: String,
    },
    /// A certificate that only its own authority can revoke.
    #[error("another authority has signed the certificate of {subject}: name that one's folder")]
    Foreign {
        /// Whose.
        subject: String,
    },
    /// A file that cannot be read or written.
    #[error("keep certificates in {path}")]
    Keep {
        /// Which file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

fn keep(path: &Path, source: std::io::Error) -> PkiError {
    PkiError::Keep {
        path: path.to_owned(),
        source,
    }
}

/// An authority that signs the gateway's and the devices' certificates.
#[derive(Debug)]
pub struct Authority {
    own: CertifiedKey,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new authority.
    ///
    /// # Errors
    /// [`PkiError::Make`].
    pub fn create(name: &str) -> Result<Self, PkiError> {
        let failed = |source| make(name, source);
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let cert = params.self_signed(&key).map_err(failed)?;
        Ok(Self {
            own: CertifiedKey {
                cert_pem: cert.pem(),
                key_pem: key.serialize_pem(),
            },
            issuer: Issuer::new(params, key),
        })
    }

    /// Takes up an authority that was written as `ca.pem` and `ca.key`.
    ///
    /// # Errors
    /// [`PkiError`] names the file.
    pub fn load(folder: &Path) -> Result<Self, PkiError> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|source| keep(&path, source))
        };
        let own = CertifiedKey {
            cert_pem: read("ca.pem")?,
            key_pem: read("ca.key")?,
        };
        let failed = |source| make("the authority", source);
        let key = KeyPair::from_pem(&own.key_pem).map_err(failed)?;
        let issuer = Issuer::from_ca_cert_pem(&own.cert_pem, key).map_err(failed)?;
        Ok(Self { own, issuer })
    }

    /// Takes up the authority of a folder, or makes one and writes it there.
    ///
    /// # Errors
    /// [`PkiError`] names the file.
    pub fn load_or_create(folder: &Path) -> Result<Self, PkiError> {
        if folder.join("ca.pem").exists() {
            return Self::load(folder);
        }
        let authority = Self::create("kbwatch authority")?;
        authority.own.write(folder, "ca")?;
        Ok(authority)
    }

    /// The authority's own certificate, PEM: what gateways and collectors
    /// trust.
    pub fn cert_pem(&self) -> &str {
        &self.own.cert_pem
    }
}

fn named(common_name: &str) -> CertificateParams {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params
}

fn make(subject: &str, source: rcgen::Error) -> PkiError {
    PkiError::Make {
        subject: subject.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_signs_on_after_it_was_written_and_taken_up_again() {
        let folder = tempfile::tempdir().unwrap();
        let first = Authority::load_or_create(folder.path()).unwrap();
        let again = Authority::load_or_create(folder.path()).unwrap();
        assert_eq!(first.cert_pem(), again.cert_pem());
        let device = again.device("pc-1").unwrap();
        assert!(device.cert_pem.contains("BEGIN CERTIFICATE"));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_a_key() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        Authority::load_or_create(folder.path()).unwrap();
        let mode = fs::metadata(folder.path().join("ca.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0);
    }
}
