//! A small certificate authority: for demos, tests and first installations.
//!
//! A bank has its own authority; what kbwatch needs from it is a client
//! certificate per device with the URI name `urn:kbwatch:device:<id>`, and for
//! carriers of foreign logs `urn:kbwatch:role:importer`.

mod certified;
mod failure;
mod issue;
mod ledger;
mod request;
mod revoke;
mod tokens;

pub use certified::CertifiedKey;
pub use failure::PkiError;
pub use request::{RequestError, Requested};
pub use revoke::name_of;
pub use tokens::{Certified, Grant, TokenError, Tokens};

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use certified::{public, settle, write_new};
use failure::{keep, make};
use ledger::Ledger;

/// For how long an authority is valid.
const AUTHORITY_VALID: Duration = Duration::from_hours(24 * 3_650);

/// For how long what it signs is valid, unless it is told otherwise.
const VALID: Duration = Duration::from_hours(24 * 730);

/// How far the clock of whoever looks at a certificate may be behind.
const CLOCK_SKEW: Duration = Duration::from_hours(1);

/// Names of files in an authority's folder that are no device's.
const RESERVED: [&str; 3] = ["ca", "gateway", "crl"];

/// An authority that signs the gateway's and the devices' certificates.
#[derive(Debug)]
pub struct Authority {
    own: CertifiedKey,
    issuer: Issuer<'static, KeyPair>,
    /// Where it notes what it signs; nowhere while it lies in no folder.
    ledger: Option<Ledger>,
    valid: Duration,
}

impl Authority {
    /// Makes a new authority.
    ///
    /// # Errors
    /// [`PkiError::Make`].
    pub fn create(name: &str) -> Result<Self, PkiError> {
        let key = KeyPair::generate().map_err(|source| make(name, source))?;
        Self::create_with(name, key)
    }

    fn create_with(name: &str, key: KeyPair) -> Result<Self, PkiError> {
        let failed = |source| make(name, source);
        let mut params = named(name, AUTHORITY_VALID);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let cert = params.self_signed(&key).map_err(failed)?;
        Ok(Self {
            own: CertifiedKey {
                cert_pem: cert.pem(),
                key_pem: key.serialize_pem(),
            },
            issuer: Issuer::new(params, key),
            ledger: None,
            valid: VALID,
        })
    }

    /// Takes up an authority that was written as `ca.pem` and `ca.key`.
    ///
    /// # Errors
    /// [`PkiError`] names the file.
    pub fn load(folder: &Path) -> Result<Self, PkiError> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|source| match source.kind() {
                ErrorKind::NotFound if name == "ca.key" => PkiError::NoKey { key: path },
                _ => keep(&path, source),
            })
        };
        let own = CertifiedKey {
            cert_pem: read("ca.pem")?,
            key_pem: read("ca.key")?,
        };
        let failed = |source| make("the authority", source);
        let key = KeyPair::from_pem(&own.key_pem).map_err(failed)?;
        let issuer = Issuer::from_ca_cert_pem(&own.cert_pem, key).map_err(failed)?;
        Ok(Self {
            own,
            issuer,
            ledger: Some(Ledger::of(folder)),
            valid: VALID,
        })
    }

    /// Takes up the authority of a folder, or makes one and writes it there.
    ///
    /// # Errors
    /// [`PkiError`] names the file.
    pub fn load_or_create(folder: &Path) -> Result<Self, PkiError> {
        if folder.join("ca.pem").exists() {
            return Self::load(folder);
        }
        let (name, cert) = ("kbwatch authority", folder.join("ca.pem"));
        let authority = if let Ok(key) = fs::read_to_string(folder.join("ca.key")) {
            // Whoever began here was ended before anybody saw the certificate.
            let key = KeyPair::from_pem(&key).map_err(|source| make(name, source))?;
            let authority = Self::create_with(name, key)?;
            let written = write_new(&cert, authority.cert_pem(), public());
            written.map_err(|source| keep(&cert, source))?;
            settle(folder)?;
            authority
        } else {
            let authority = Self::create(name)?;
            authority.own.write(folder, "ca")?;
            authority
        };
        Ok(Self {
            ledger: Some(Ledger::of(folder)),
            ..authority
        })
    }

    /// The same; what it signs from now on is valid for so long, but not longer
    /// than itself.
    #[must_use]
    pub fn valid_for(self, valid: Duration) -> Self {
        Self { valid, ..self }
    }

    /// The authority's own certificate, PEM: what gateways and collectors
    /// trust.
    pub fn cert_pem(&self) -> &str {
        &self.own.cert_pem
    }
}

/// Refuses ids whose files would take the place of the authority's own.
///
/// # Errors
/// [`PkiError::Id`] and [`PkiError::Reserved`].
pub fn check_file_name(id: &str) -> Result<(), PkiError> {
    let known = kbwatch_proto::identity::device_id(id);
    let name = known.ok_or_else(|| PkiError::Id { id: id.to_owned() })?;
    if RESERVED.contains(&name.as_str()) {
        return Err(PkiError::Reserved { id: id.to_owned() });
    }
    Ok(())
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

fn named(common_name: &str, valid: Duration) -> CertificateParams {
    let now = SystemTime::now();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = (now + valid).into();
    params
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

    #[test]
    fn an_authority_that_was_begun_is_finished_and_one_without_its_key_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        Authority::load_or_create(folder.path()).unwrap();
        let key = fs::read_to_string(file("ca.key")).unwrap();
        fs::remove_file(file("ca.pem")).unwrap();
        let again = Authority::load_or_create(folder.path()).unwrap();
        assert_eq!(again.own.key_pem, key);
        fs::remove_file(file("ca.key")).unwrap();
        let refused = Authority::load_or_create(folder.path()).unwrap_err();
        let refused = refused.to_string();
        assert!(
            refused.contains("ca.key") && refused.contains("backup"),
            "{refused}"
        );
    }

    #[test]
    fn the_names_of_the_authority_are_no_devices() {
        for id in ["ca", "CA", "gateway", "crl"] {
            let refused = check_file_name(id);
            assert!(matches!(refused, Err(PkiError::Reserved { .. })), "{id}");
        }
        assert!(check_file_name("../ca").is_err());
        check_file_name("ca-1").unwrap();
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
