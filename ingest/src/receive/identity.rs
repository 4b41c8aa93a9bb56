//! Who speaks: a device speaks for itself only.
//!
//! Identity is the certificate. Without one a device may declare itself only
//! where listener and peer are both loopback, and its stream's first batch
//! pins what it said. Logs of another device are taken from importers alone.

use std::net::IpAddr;
use std::sync::Arc;

use kbwatch_proto::identity::{BRANCH_URN, DEVICE_URN, ROLE_URN, device_id};
use kbwatch_proto::journal::Role;
use kbwatch_proto::telemetry::Batch;
use tonic::Status;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// How a stream's sender is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identity {
    /// By a certificate that our authority signed.
    Certificate,
    /// By its own word, on a loopback connection.
    LoopbackDeclared,
}

/// A sender whose identity is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    /// How it is known.
    pub identity: Identity,
    /// Its device id, lower case.
    pub device_id: String,
    /// What it may do beyond speaking for itself.
    pub role: Role,
    /// At which branch it stands, as its certificate says.
    pub branch: Option<Arc<str>>,
}

/// Why a sender is not listened to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// No certificate, and not on loopback.
    #[error("no client certificate was shown")]
    NoCertificate,
    /// The certificate cannot be read.
    #[error("the client certificate cannot be read")]
    Unreadable,
    /// No certificate, and nothing declared.
    #[error("no device is declared")]
    NotDeclared,
    /// An id that no device can have.
    #[error("{0:?} is no device id")]
    InvalidId(String),
    /// A batch that declares another device than its stream's identity.
    #[error("{speaker} may not speak as {declared:?}")]
    OtherDevice {
        /// Who speaks.
        speaker: String,
        /// Who it said it is.
        declared: String,
    },
    /// A batch for another device from someone who is no importer.
    #[error("{speaker} may not speak for {other}: its certificate lacks the importer role")]
    NoImporter {
        /// Who speaks.
        speaker: String,
        /// Whose logs these were said to be.
        other: String,
    },
    /// An identity that has as many streams as it may have.
    #[error("{speaker} has {limit} streams already")]
    TooManyStreams {
        /// Who speaks.
        speaker: String,
        /// How many it may have.
        limit: usize,
    },
    /// An identity that has as many connections as it may have.
    #[error("{speaker:?} has {limit} connections already")]
    TooManyConnections {
        /// Who speaks; empty for all without a usable certificate.
        speaker: String,
        /// How many it may have.
        limit: usize,
    },
}

impl Denial {
    /// The word under which the denial is counted.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoCertificate => "no_certificate",
            Self::Unreadable => "unreadable_certificate",
            Self::NotDeclared => "not_declared",
            Self::InvalidId(_) => "invalid_id",
            Self::OtherDevice { .. } => "other_device",
            Self::NoImporter { .. } => "no_importer",
            Self::TooManyStreams { .. } => "too_many_streams",
            Self::TooManyConnections { .. } => "too_many_connections",
        }
    }

    /// What the stream ends with: who has too much open may come again later.
    pub(super) fn status(&self) -> Status {
        match self {
            Self::TooManyStreams { .. } | Self::TooManyConnections { .. } => {
                Status::resource_exhausted(self.to_string())
            }
            _ => Status::permission_denied(self.to_string()),
        }
    }
}

fn valid(stated: &str) -> Result<String, Denial> {
    device_id(stated).ok_or_else(|| Denial::InvalidId(stated.chars().take(64).collect()))
}

impl Speaker {
    /// Reads who a certificate speaks for: its URI name
    /// `urn:kbwatch:device:<id>`, else its subject's common name; and at which
    /// branch: `urn:kbwatch:branch:<name>`.
    ///
    /// # Errors
    /// A certificate that names no possible device.
    pub fn of_certificate(der: &[u8]) -> Result<Self, Denial> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| Denial::Unreadable)?;
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| Denial::Unreadable)?;
        let uris: Vec<&str> = names
            .iter()
            .flat_map(|names| &names.value.general_names)
            .filter_map(|name| match name {
                GeneralName::URI(uri) => Some(*uri),
                _ => None,
            })
            .collect();
        let uri_device = uris.iter().find_map(|uri| uri.strip_prefix(DEVICE_URN));
        let common_name = || {
            certificate
                .subject()
                .iter_common_name()
                .find_map(|name| name.as_str().ok())
        };
        let device = uri_device.or_else(common_name).unwrap_or_default();
        let role = uris
            .iter()
            .find_map(|uri| match uri.strip_prefix(ROLE_URN) {
                Some("importer") => Some(Role::Importer),
                Some("carrier") => Some(Role::Carrier),
                _ => None,
            });
        let mut branches = uris.iter().filter_map(|uri| uri.strip_prefix(BRANCH_URN));
        Ok(Self {
            identity: Identity::Certificate,
            device_id: valid(device)?,
            role: role.unwrap_or(Role::Device),
            branch: branches.find_map(device_id).map(Arc::from),
        })
    }

    /// Takes a device at its word, where no network lies between.
    ///
    /// # Errors
    /// Anything but loopback at both ends, and an impossible id.
    pub fn of_declaration(
        local: Option<IpAddr>,
        peer: Option<IpAddr>,
        declared: &str,
    ) -> Result<Self, Denial> {
        let loopback = |end: Option<IpAddr>| end.is_some_and(|ip| ip.is_loopback());
        if !loopback(local) || !loopback(peer) {
            return Err(Denial::NoCertificate);
        }
        if declared.is_empty() {
            return Err(Denial::NotDeclared);
        }
        Ok(Self {
            identity: Identity::LoopbackDeclared,
            device_id: valid(declared)?,
            role: Role::Device,
            branch: None,
        })
    }

    /// Streams that it may have open: a device needs one, and a second while a
    /// lost one is not noticed yet; an importer has one for each device.
    pub(super) fn max_streams(&self) -> usize {
        if self.role == Role::Device { 4 } else { 256 }
    }

    /// Connections that it may have open.
    pub(super) fn max_connections(&self) -> usize {
        if self.role == Role::Device { 8 } else { 32 }
    }

    /// How many devices' rate of bytes it may send at.
    pub(super) fn share(&self) -> u32 {
        if self.role == Role::Device { 1 } else { 16 }
    }

    /// Whose events a batch holds.
    ///
    /// # Errors
    /// A batch that speaks as or for another device without the right to.
    pub fn subject_of(&self, batch: &Batch) -> Result<String, Denial> {
        if !batch.declared_device.is_empty()
            && !batch.declared_device.eq_ignore_ascii_case(&self.device_id)
        {
            return Err(Denial::OtherDevice {
                speaker: self.device_id.clone(),
                declared: batch.declared_device.chars().take(64).collect(),
            });
        }
        if batch.on_behalf_of.is_empty() {
            return Ok(self.device_id.clone());
        }
        let other = valid(&batch.on_behalf_of)?;
        if other != self.device_id && self.role == Role::Device {
            return Err(Denial::NoImporter {
                speaker: self.device_id.clone(),
                other,
            });
        }
        Ok(other)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::pki::{Authority, CertifiedKey};

    fn speaker(certified: &CertifiedKey) -> Result<Speaker, Denial> {
        let (_, pem) = x509_parser::pem::parse_x509_pem(certified.cert_pem.as_bytes()).unwrap();
        Speaker::of_certificate(&pem.contents)
    }

    fn authority() -> Authority {
        Authority::create("test").unwrap()
    }

    #[test]
    fn the_uri_name_of_a_certificate_says_which_device_speaks() {
        let found = speaker(&authority().device("PC-0001").unwrap()).unwrap();
        assert_eq!(found.device_id, "pc-0001");
        assert_eq!(found.role, Role::Device);
        assert_eq!(found.identity, Identity::Certificate);
    }

    #[test]
    fn what_a_sender_declares_cannot_begin_a_line_of_the_log() {
        let own = speaker(&authority().device("pc-1").unwrap()).unwrap();
        let batch = Batch {
            declared_device: "x\n2026-01-01T00:00:00Z  INFO enrolled a device".to_owned(),
            ..Batch::default()
        };
        let told = own.subject_of(&batch).unwrap_err().to_string();
        assert!(!told.contains('\n'), "{told}");
    }

    #[test]
    fn without_a_uri_name_the_common_name_counts() {
        let found = speaker(&authority().client("TELLER-7", &[]).unwrap()).unwrap();
        assert_eq!(found.device_id, "teller-7");
    }

    #[test]
    fn a_certificate_that_names_no_possible_device_is_denied() {
        let refused = speaker(&authority().client("no such device", &[]).unwrap());
        assert_eq!(refused.unwrap_err().reason(), "invalid_id");
    }

    #[test]
    fn a_device_may_not_speak_for_another_and_an_importer_may() {
        let batch = Batch {
            on_behalf_of: "pc-2".to_owned(),
            ..Batch::default()
        };
        let device = speaker(&authority().device("pc-1").unwrap()).unwrap();
        let refused = device.subject_of(&batch).unwrap_err();
        assert_eq!(refused.reason(), "no_importer");
        let importer = speaker(&authority().importer("desk").unwrap()).unwrap();
        assert_eq!(importer.subject_of(&batch), Ok("pc-2".to_owned()));
    }

    #[test]
    fn a_device_may_not_call_itself_another() {
        let device = speaker(&authority().device("pc-1").unwrap()).unwrap();
        let batch = Batch {
            declared_device: "pc-2".to_owned(),
            ..Batch::default()
        };
        assert_eq!(
            device.subject_of(&batch).unwrap_err().reason(),
            "other_device"
        );
    }

    #[test]
    fn a_declaration_counts_only_when_both_ends_are_loopback() {
        let near = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let far = Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9)));
        assert!(Speaker::of_declaration(near, near, "pc-1").is_ok());
        for (local, peer) in [(near, far), (far, near), (near, None), (None, near)] {
            let refused = Speaker::of_declaration(local, peer, "pc-1");
            assert_eq!(refused, Err(Denial::NoCertificate));
        }
        let nothing = Speaker::of_declaration(near, near, "");
        assert_eq!(nothing, Err(Denial::NotDeclared));
    }
}
