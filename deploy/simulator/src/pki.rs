//! A certificate for every virtual device, signed by an authority that the
//! gateway trusts.

use std::path::{Path, PathBuf};

use kbwatch_collector::TlsConfig;
use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose, SanType,
};

/// A device that cannot be given a certificate.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// A file of the authority or of a device.
    #[error("keep certificates in {path}", path = path.display())]
    Keep {
        /// Which file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The authority's files are not a certificate and its key, or the device
    /// has a name that no certificate can carry.
    #[error("sign the certificate of {subject}")]
    Sign {
        /// Whose.
        subject: String,
        /// Why not.
        source: rcgen::Error,
    },
}

/// The authority of a folder with `ca.pem` and `ca.key`.
#[derive(Debug)]
pub struct DeviceAuthority {
    ca: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl DeviceAuthority {
    /// Takes up the authority of `folder`.
    ///
    /// # Errors
    /// [`EnrolError`] names the file.
    pub fn load(folder: &Path) -> Result<Self, EnrolError> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(|source| EnrolError::Keep { path, source })
        };
        let sign = |source| EnrolError::Sign {
            subject: "the authority".to_owned(),
            source,
        };
        let key = KeyPair::from_pem(&read("ca.key")?).map_err(sign)?;
        let issuer = Issuer::from_ca_cert_pem(&read("ca.pem")?, key).map_err(sign)?;
        Ok(Self {
            ca: folder.join("ca.pem"),
            issuer,
        })
    }

    /// Makes a key and a certificate for `device_id` and writes them to
    /// `folder` as `ID.pem` and `ID.key`.
    ///
    /// # Errors
    /// [`EnrolError`] names device or file.
    pub fn enrol(&self, device_id: &str, folder: &Path) -> Result<TlsConfig, EnrolError> {
        let sign = |source| EnrolError::Sign {
            subject: device_id.to_owned(),
            source,
        };
        let key = KeyPair::generate().map_err(sign)?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, device_id);
        let urn = format!("urn:kbwatch:device:{device_id}");
        let urn = Ia5String::try_from(urn).map_err(sign)?;
        params.subject_alt_names = vec![SanType::URI(urn)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let cert = params.signed_by(&key, &self.issuer).map_err(sign)?;
        let put = |name: String, text: String| {
            let path = folder.join(name);
            match std::fs::write(&path, text) {
                Ok(()) => Ok(path),
                Err(source) => Err(EnrolError::Keep { path, source }),
            }
        };
        Ok(TlsConfig {
            ca: self.ca.clone(),
            cert: put(format!("{device_id}.pem"), cert.pem())?,
            key: put(format!("{device_id}.key"), key.serialize_pem())?,
            ..TlsConfig::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use kbwatch_collector::{CollectorConfig, identity};
    use rcgen::{BasicConstraints, IsCa};

    use super::*;

    fn authority(folder: &Path) -> DeviceAuthority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let cert = params.self_signed(&key).unwrap();
        std::fs::write(folder.join("ca.pem"), cert.pem()).unwrap();
        std::fs::write(folder.join("ca.key"), key.serialize_pem()).unwrap();
        DeviceAuthority::load(folder).unwrap()
    }

    #[test]
    fn an_enrolled_device_is_who_its_certificate_says() {
        let folder = tempfile::tempdir().unwrap();
        let tls = authority(folder.path())
            .enrol("zj-0042-te003", folder.path())
            .unwrap();
        let config = CollectorConfig {
            tls: Some(tls),
            ..CollectorConfig::default()
        };
        assert_eq!(identity::device_id(&config).unwrap(), "zj-0042-te003");
    }

    #[test]
    fn a_folder_without_an_authority_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let refused = DeviceAuthority::load(folder.path())
            .unwrap_err()
            .to_string();
        assert!(refused.contains("ca.key"), "{refused}");
    }
}
