//! Who this device is: the certificate says it, for life.
//!
//! The gateway reads the same certificate by the same rule and believes nothing
//! else; the collector needs the name too, because event ids are derived from it.

use std::path::{Path, PathBuf};

use kbwatch_proto::identity::{self, DEVICE_URN};
use x509_parser::extensions::GeneralName;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::X509Certificate;

use crate::config::CollectorConfig;

/// No name for this device; a person must mend the certificate or its path.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The certificate cannot be read.
    #[error("read certificate {path}: check tls.cert", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Not a certificate, or one that names nobody.
    #[error(
        "certificate {path} names no device: it needs the URI urn:kbwatch:device:ID or a common name",
        path = path.display()
    )]
    Nameless {
        /// The file.
        path: PathBuf,
    },
    /// A name that no gateway takes.
    #[error(
        "{stated:?} is no device id: letters, digits, '.', '_' and '-', at most 128; \
         mend the certificate or declared_device"
    )]
    Impossible {
        /// What was stated.
        stated: String,
    },
    /// Neither certificate nor declaration.
    #[error("who is this device? set tls.cert, or declared_device on loopback")]
    Unstated,
}

/// Device id of this collector, lower case.
pub fn device_id(config: &CollectorConfig) -> Result<String, IdentityError> {
    if let Some(tls) = &config.tls {
        return of_certificate(&tls.cert);
    }
    match &config.declared_device {
        Some(declared) => valid(declared.trim()),
        None => Err(IdentityError::Unstated),
    }
}

fn of_certificate(path: &Path) -> Result<String, IdentityError> {
    let bytes = std::fs::read(path).map_err(|source| IdentityError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let nameless = || IdentityError::Nameless {
        path: path.to_owned(),
    };
    let (_, pem) = parse_x509_pem(&bytes).map_err(|_| nameless())?;
    let certificate = pem.parse_x509().map_err(|_| nameless())?;
    let name = uri_name(&certificate)
        .or_else(|| common_name(&certificate))
        .ok_or_else(nameless)?;
    valid(&name)
}

fn valid(stated: &str) -> Result<String, IdentityError> {
    identity::device_id(stated).ok_or_else(|| IdentityError::Impossible {
        stated: stated.chars().take(64).collect(),
    })
}

fn uri_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let names = certificate.subject_alternative_name().ok()??;
    names
        .value
        .general_names
        .iter()
        .find_map(|name| match name {
            GeneralName::URI(uri) => uri.strip_prefix(DEVICE_URN).map(str::to_owned),
            _ => None,
        })
}

fn common_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let mut names = certificate.subject().iter_common_name();
    names.find_map(|name| name.as_str().ok().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn certificate(common_name: &str, uri: Option<&str>) -> tempfile::NamedTempFile {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        if let Some(uri) = uri {
            params
                .subject_alt_names
                .push(SanType::URI(uri.try_into().unwrap()));
        }
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), pem).unwrap();
        file
    }

    #[test]
    fn the_uri_of_a_certificate_wins_over_its_common_name() {
        let file = certificate("OTHER", Some("urn:kbwatch:device:Teller-0042"));
        assert_eq!(of_certificate(file.path()).unwrap(), "teller-0042");
    }

    #[test]
    fn without_a_uri_the_common_name_is_the_device() {
        let file = certificate("PC-1.bank.example", None);
        assert_eq!(of_certificate(file.path()).unwrap(), "pc-1.bank.example");
    }

    #[test]
    fn a_name_that_no_gateway_takes_is_refused_here_already() {
        let file = certificate("No such device", None);
        let refused = of_certificate(file.path()).unwrap_err();
        assert!(refused.to_string().contains("No such device"), "{refused}");
        // As the gateway would: it trims nothing.
        let file = certificate("OTHER", Some("urn:kbwatch:device: pc-1"));
        assert!(of_certificate(file.path()).is_err());
    }

    #[test]
    fn a_file_that_is_no_certificate_names_nobody() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hello").unwrap();
        assert!(matches!(
            of_certificate(file.path()),
            Err(IdentityError::Nameless { .. })
        ));
    }
}
