//! A small certificate authority: for demos, tests and first installations.
//!
//! A bank has its own authority; what kbwatch needs from it is a client
//! certificate per device with the URI name `urn:kbwatch:device:<id>`, and for
//! carriers of foreign logs `urn:kbwatch:role:importer`.

mod revoke;

pub use revoke::name_of;

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kbwatch_proto::identity::{DEVICE_URN, ROLE_URN};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
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

/// A certificate and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertifiedKey {
    /// The certificate.
    pub cert_pem: String,
    /// Its private key.
    pub key_pem: String,
}

impl CertifiedKey {
    /// Writes `NAME.pem` and `NAME.key`; only the owner may read the key.
    ///
    /// # Errors
    /// [`PkiError::Keep`] names the file.
    pub fn write(&self, folder: &Path, name: &str) -> Result<(PathBuf, PathBuf), PkiError> {
        let cert = folder.join(format!("{name}.pem"));
        let key = folder.join(format!("{name}.key"));
        fs::create_dir_all(folder).map_err(|source| keep(folder, source))?;
        fs::write(&cert, &self.cert_pem).map_err(|source| keep(&cert, source))?;
        write_private(&key, &self.key_pem).map_err(|source| keep(&key, source))?;
        Ok((cert, key))
    }
}

fn keep(path: &Path, source: std::io::Error) -> PkiError {
    PkiError::Keep {
        path: path.to_owned(),
        source,
    }
}

#[cfg(unix)]
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(not(unix))]
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    fs::write(path, text)
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

    /// Certificate of a gateway that answers to these host names and addresses.
    ///
    /// # Errors
    /// [`PkiError::Make`], for a name that is neither.
    pub fn server(&self, hosts: &[&str]) -> Result<CertifiedKey, PkiError> {
        let subject = hosts.first().copied().unwrap_or("kbwatch gateway");
        let mut params = named(subject);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        for host in hosts {
            params.subject_alt_names.push(match host.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => {
                    SanType::DnsName((*host).try_into().map_err(|source| make(subject, source))?)
                }
            });
        }
        self.sign(subject, params)
    }

    /// Certificate of a device's collector.
    ///
    /// # Errors
    /// [`PkiError::Make`], for an id that no certificate can carry.
    pub fn device(&self, device_id: &str) -> Result<CertifiedKey, PkiError> {
        self.client(device_id, &[format!("{DEVICE_URN}{device_id}")])
    }

    /// Certificate of a device's collector that nobody accepts any more from
    /// then on.
    ///
    /// # Errors
    /// [`PkiError::Make`], for an id that no certificate can carry.
    pub fn device_until(
        &self,
        device_id: &str,
        until: SystemTime,
    ) -> Result<CertifiedKey, PkiError> {
        self.device_between(device_id, SystemTime::UNIX_EPOCH, until)
    }

    /// Certificate of a device's collector that nobody accepts before and after.
    ///
    /// # Errors
    /// [`PkiError::Make`], for an id that no certificate can carry.
    pub fn device_between(
        &self,
        device_id: &str,
        from: SystemTime,
        until: SystemTime,
    ) -> Result<CertifiedKey, PkiError> {
        let mut params = client(device_id, &[format!("{DEVICE_URN}{device_id}")])?;
        params.not_before = from.into();
        params.not_after = until.into();
        self.sign(device_id, params)
    }

    /// Certificate of someone who may import logs of other devices.
    ///
    /// # Errors
    /// [`PkiError::Make`], for an id that no certificate can carry.
    pub fn importer(&self, id: &str) -> Result<CertifiedKey, PkiError> {
        self.with_role(id, "importer")
    }

    /// Certificate of someone who carries what devices made and signed.
    ///
    /// # Errors
    /// The id can be no name.
    pub fn carrier(&self, id: &str) -> Result<CertifiedKey, PkiError> {
        self.with_role(id, "carrier")
    }

    fn with_role(&self, id: &str, role: &str) -> Result<CertifiedKey, PkiError> {
        self.client(
            id,
            &[format!("{DEVICE_URN}{id}"), format!("{ROLE_URN}{role}")],
        )
    }

    /// Client certificate with these URI names, whatever they say.
    ///
    /// # Errors
    /// [`PkiError::Make`].
    pub fn client(&self, common_name: &str, uris: &[String]) -> Result<CertifiedKey, PkiError> {
        self.sign(common_name, client(common_name, uris)?)
    }

    fn sign(&self, subject: &str, mut params: CertificateParams) -> Result<CertifiedKey, PkiError> {
        let failed = |source| make(subject, source);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().map_err(failed)?;
        let cert = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok(CertifiedKey {
            cert_pem: cert.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

fn client(common_name: &str, uris: &[String]) -> Result<CertificateParams, PkiError> {
    let mut params = named(common_name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    for uri in uris {
        let uri = uri
            .as_str()
            .try_into()
            .map_err(|source| make(common_name, source))?;
        params.subject_alt_names.push(SanType::URI(uri));
    }
    Ok(params)
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
