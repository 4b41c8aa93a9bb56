//! Who this device is: the certificate says it, for life.
//!
//! The gateway reads the same certificate by the same rule and believes nothing
//! else; the collector needs the name too, because event ids are derived from it.

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use kbwatch_proto::identity::{self, DEVICE_URN, ROLE_URN};

use crate::config::{CollectorConfig, TlsConfig};
use crate::credentials::{self, CredentialsError};

/// Roles that let a certificate speak for others.
const SPEAKING_ROLES: [&str; 2] = ["carrier", "importer"];

/// Whom a certificate names, and whether it may speak for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) speaks_for_others: bool,
}

/// Reads a certificate in DER; `None` where it names nobody.
pub(crate) fn of_der(der: &[u8]) -> Option<Named> {
    let (name, speaks_for_others) = stated_by(der)?;
    Some(Named {
        id: identity::device_id(&name)?,
        speaks_for_others,
    })
}

/// The name that a certificate states, whatever it is, and whether it has a
/// role that speaks for others.
fn stated_by(der: &[u8]) -> Option<(String, bool)> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let uris = uris(&certificate)?;
    let device = uris.iter().find_map(|uri| uri.strip_prefix(DEVICE_URN));
    let name = match device {
        Some(device) => device.to_owned(),
        None => common_name(&certificate)?,
    };
    let mut roles = uris.iter().filter_map(|uri| uri.strip_prefix(ROLE_URN));
    Some((name, roles.any(|role| SPEAKING_ROLES.contains(&role))))
}

/// No name for this device; a person must mend the certificate or its path.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The certificate cannot be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// Not a certificate, or one that names nobody.
    #[error(
        "certificate {place} names no device: it needs the URI urn:kbwatch:device:ID or a common name"
    )]
    Nameless {
        /// Where the certificate is.
        place: String,
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
        return of_certificate(tls);
    }
    match &config.declared_device {
        Some(declared) => valid(declared.trim()),
        None => Err(IdentityError::Unstated),
    }
}

fn of_certificate(tls: &TlsConfig) -> Result<String, IdentityError> {
    let chain = credentials::chain(tls)?;
    let own = chain.first().and_then(|own| stated_by(own));
    let (name, _) = own.ok_or_else(|| IdentityError::Nameless {
        place: credentials::place(tls),
    })?;
    valid(&name)
}

fn valid(stated: &str) -> Result<String, IdentityError> {
    identity::device_id(stated).ok_or_else(|| IdentityError::Impossible {
        stated: stated.chars().take(64).collect(),
    })
}

/// Names that are URIs; `None` where the names cannot be read.
fn uris<'a>(certificate: &'a X509Certificate<'_>) -> Option<Vec<&'a str>> {
    let names = certificate.subject_alternative_name().ok()?;
    let names = names.iter().flat_map(|names| &names.value.general_names);
    let uris = names.filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    Some(uris.collect())
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

    fn named_by(file: &tempfile::NamedTempFile) -> Result<String, IdentityError> {
        of_certificate(&TlsConfig {
            cert: file.path().to_owned(),
            ..TlsConfig::default()
        })
    }

    #[test]
    fn the_uri_of_a_certificate_wins_over_its_common_name() {
        let file = certificate("OTHER", Some("urn:kbwatch:device:Teller-0042"));
        assert_eq!(named_by(&file).unwrap(), "teller-0042");
    }

    #[test]
    fn without_a_uri_the_common_name_is_the_device() {
        let file = certificate("PC-1.bank.example", None);
        assert_eq!(named_by(&file).unwrap(), "pc-1.bank.example");
    }

    #[test]
    fn a_name_that_no_gateway_takes_is_refused_here_already() {
        let file = certificate("No such device", None);
        let refused = named_by(&file).unwrap_err();
        assert!(refused.to_string().contains("No such device"), "{refused}");
        // As the gateway would: it trims nothing.
        let file = certificate("OTHER", Some("urn:kbwatch:device: pc-1"));
        assert!(named_by(&file).is_err());
    }

    #[test]
    fn a_file_that_is_no_certificate_names_nobody() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hello").unwrap();
        assert!(matches!(
            named_by(&file),
            Err(IdentityError::Credentials(CredentialsError::NoPem { .. }))
        ));
    }
}
