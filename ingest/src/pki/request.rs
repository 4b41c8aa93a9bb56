//! A request for a certificate (PKCS#10, RFC 2986): what it says of its sender
//! is not believed, only the key counts, and that its sender has it.

use std::time::{Duration, SystemTime};

use kbwatch_proto::hex;
use kbwatch_proto::identity::{BRANCH_URN, DEVICE_URN};
use rcgen::SubjectPublicKeyInfo;
use sha2::{Digest, Sha256};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use super::issue::client;
use super::{Authority, CLOCK_SKEW, Grant, PkiError};

/// Longest request that is looked at, in bytes: ten times an ordinary one.
const MAX_REQUEST_LEN: usize = 8 * 1024;

/// Sizes of RSA keys that are certified, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=4_096;

/// Curves whose keys are certified: P-256 and P-384 (RFC 5480, section 2.1.1.1).
const CURVES: [&str; 2] = ["1.2.840.10045.3.1.7", "1.3.132.0.34"];

/// A request that nothing is certified for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It is none, or too long.
    #[error("this is no certificate request")]
    Unreadable,
    /// Whoever sent it has not shown to have the key.
    #[error("the certificate request is not signed with its own key")]
    NotSigned,
    /// A key that is weak or unusual.
    #[error("keys of P-256, P-384 and RSA of 2048 to 4096 bits are certified, no others")]
    Key,
}

/// A key whose owner asks for a certificate.
#[derive(Debug, Clone)]
pub struct Requested {
    key: SubjectPublicKeyInfo,
    fingerprint: String,
}

impl Requested {
    /// Reads a request (DER) and verifies that it was signed with its own key.
    ///
    /// # Errors
    /// [`RequestError`] says what is wrong with it.
    pub fn read(der: &[u8]) -> Result<Self, RequestError> {
        if der.len() > MAX_REQUEST_LEN {
            return Err(RequestError::Unreadable);
        }
        let Ok(([], request)) = X509CertificationRequest::from_der(der) else {
            return Err(RequestError::Unreadable);
        };
        let info = &request.certification_request_info.subject_pki;
        // Before the signature: keys of absurd size cost time.
        let curve = info.algorithm.parameters.as_ref();
        let curve = curve.and_then(|named| named.as_oid().ok());
        let fits = match info.parsed() {
            Ok(PublicKey::RSA(key)) => RSA_BITS.contains(&key.key_size()),
            Ok(PublicKey::EC(_)) => {
                curve.is_some_and(|curve| CURVES.contains(&curve.to_id_string().as_str()))
            }
            _ => false,
        };
        if !fits {
            return Err(RequestError::Key);
        }
        let signed = request.verify_signature();
        signed.map_err(|_| RequestError::NotSigned)?;
        Ok(Self {
            key: SubjectPublicKeyInfo::from_der(info.raw).map_err(|_| RequestError::Key)?,
            fingerprint: hex::encode(&Sha256::digest(info.raw)),
        })
    }

    /// SHA-256 of the key, in hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl Authority {
    /// Certifies a device's key (PEM), for so long from now on but not longer
    /// than the authority itself is valid.
    ///
    /// # Errors
    /// [`PkiError::Make`], for an id that no certificate can carry.
    pub fn certify(
        &self,
        grant: &Grant,
        requested: &Requested,
        now: SystemTime,
        valid: Duration,
    ) -> Result<String, PkiError> {
        let device = &grant.device_id;
        let branch = grant.branch.iter();
        let uris = std::iter::once(format!("{DEVICE_URN}{device}"))
            .chain(branch.map(|branch| format!("{BRANCH_URN}{branch}")));
        let mut params = client(device, &uris.collect::<Vec<_>>(), valid)?;
        params.not_before = (now - CLOCK_SKEW).into();
        params.not_after = (now + valid).into();
        self.sign_key(Some(device), params, &requested.key)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SanType};

    use std::time::UNIX_EPOCH;

    use x509_parser::prelude::X509Certificate;

    use super::*;

    fn request(key: &KeyPair) -> Vec<u8> {
        let mut params = CertificateParams::default();
        let other = "urn:kbwatch:device:teller-9".try_into().unwrap();
        params.subject_alt_names = vec![SanType::URI(other)];
        params.serialize_request(key).unwrap().der().to_vec()
    }

    fn grant() -> Grant {
        Grant {
            device_id: "pc-1".to_owned(),
            branch: Some("0123".to_owned()),
            until_s: u64::MAX,
        }
    }

    #[test]
    fn only_the_key_of_a_request_counts_and_not_whom_it_names() {
        let authority = Authority::create("test").unwrap();
        let key = KeyPair::generate().unwrap();
        let requested = Requested::read(&request(&key)).unwrap();
        let now = SystemTime::now();
        let day = Duration::from_hours(24);
        let pem = authority.certify(&grant(), &requested, now, day).unwrap();
        let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
        let (_, made) = X509Certificate::from_der(&block.contents).unwrap();
        let names = made.subject_alternative_name().unwrap().unwrap();
        let names = format!("{:?}", names.value.general_names);
        assert!(names.contains("urn:kbwatch:device:pc-1"), "{names}");
        assert!(names.contains("urn:kbwatch:branch:0123"), "{names}");
        assert!(!names.contains("teller-9"), "{names}");
        let left = made.validity().time_to_expiration().unwrap();
        assert!(left.whole_hours() >= 23 && left.whole_hours() <= 24);
    }

    #[test]
    fn a_certificate_does_not_outlive_its_authority() {
        let authority = Authority::create("test").unwrap();
        let ends = authority.ends().unwrap();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let requested = Requested::read(&request(&key)).unwrap();
        let now = ends - Duration::from_hours(1);
        let day = Duration::from_hours(24);
        let pem = authority.certify(&grant(), &requested, now, day).unwrap();
        let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
        let (_, made) = X509Certificate::from_der(&block.contents).unwrap();
        let end = u64::try_from(made.validity().not_after.timestamp()).unwrap();
        assert_eq!(UNIX_EPOCH + Duration::from_secs(end), ends);
    }

    #[test]
    fn a_request_that_was_changed_or_is_none_is_refused() {
        let der = request(&KeyPair::generate().unwrap());
        let mut forged = der.clone();
        *forged.last_mut().unwrap() ^= 1;
        let refused = |der: &[u8]| Requested::read(der).unwrap_err();
        assert_eq!(refused(&forged), RequestError::NotSigned);
        for none in [
            &b"hello"[..],
            &[],
            &der[..40],
            &[der.as_slice(), b"x"].concat(),
        ] {
            assert_eq!(refused(none), RequestError::Unreadable);
        }
        // Somebody else's key under one's own signature.
        let mine = request(&KeyPair::generate().unwrap());
        let tail = der.len() - 64;
        let spliced = [&der[..tail], &mine[mine.len() - 64..]].concat();
        assert!(Requested::read(&spliced).is_err());
    }

    #[test]
    fn no_byte_of_a_request_can_be_changed_and_none_makes_it_panic() {
        let der = request(&KeyPair::generate().unwrap());
        let own = Requested::read(&der).unwrap();
        for at in 0..der.len() {
            let mut changed = der.clone();
            changed[at] ^= 0x20;
            if let Ok(taken) = Requested::read(&changed) {
                assert_eq!(taken.fingerprint(), own.fingerprint(), "byte {at}");
            }
        }
    }

    #[test]
    fn unusual_keys_are_not_certified() {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let refused = Requested::read(&request(&key)).unwrap_err();
        assert_eq!(refused, RequestError::Key);
    }
}
