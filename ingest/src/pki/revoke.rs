//! The list of certificates that count no more: `crl.pem` beside the authority.
//!
//! It only grows. Gateways that watch it hang up on who stands there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber};
use x509_parser::pem::{Pem, parse_x509_pem};
use x509_parser::prelude::{
    CertificateRevocationList, FromDer, ParsedExtension, X509Certificate, X509Extension,
};

use super::{Authority, PkiError, keep, make};

/// For how long a list says that it is current. Gateways take an older one too:
/// a revoked device must not come back because nobody renewed the list.
const VALIDITY: Duration = Duration::from_hours(24 * 3650);

impl Authority {
    /// Adds certificates (PEM) to the list `crl.pem` of a folder, which is made
    /// unless it is there, and says where it lies. Without certificates the list
    /// is only made.
    ///
    /// # Errors
    /// [`PkiError`] names the file, or the certificate or list of another
    /// authority: nothing is changed then.
    pub fn revoke(&self, folder: &Path, certificates: &[&str]) -> Result<PathBuf, PkiError> {
        let path = folder.join("crl.pem");
        let own = Own::of(self)?;
        let mut revoked = own.listed(&path)?;
        for pem in certificates {
            let serial = own.serial_of(pem)?;
            if !revoked.iter().any(|known| known.serial_number == serial) {
                revoked.push(entry(serial, SystemTime::now()));
            }
        }
        let pem = self.list(revoked)?;
        // A gateway must never read half a list.
        let part = folder.join("crl.pem.part");
        fs::write(&part, pem).map_err(|source| keep(&part, source))?;
        fs::rename(&part, &path).map_err(|source| keep(&path, source))?;
        Ok(path)
    }

    fn list(&self, revoked_certs: Vec<RevokedCertParams>) -> Result<String, PkiError> {
        let failed = |source| make("the revocation list", source);
        let now = SystemTime::now();
        let number = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let list = CertificateRevocationListParams {
            this_update: now.into(),
            next_update: (now + VALIDITY).into(),
            crl_number: SerialNumber::from(number.as_secs()),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer)
            .and_then(|list| list.pem())
            .map_err(failed)
    }
}

fn entry(serial_number: SerialNumber, since: SystemTime) -> RevokedCertParams {
    RevokedCertParams {
        serial_number,
        revocation_time: since.into(),
        reason_code: None,
        invalidity_date: None,
    }
}

/// The name on a certificate (PEM), to be shown.
///
/// # Errors
/// The text is no certificate.
pub fn name_of(pem: &str) -> Result<String, PkiError> {
    with_certificate(pem, |certificate| certificate.subject().to_string())
}

fn with_certificate<T>(
    pem: &str,
    look: impl FnOnce(&X509Certificate<'_>) -> T,
) -> Result<T, PkiError> {
    let unreadable = || make("a revoked device", rcgen::Error::CouldNotParseCertificate);
    let (_, block) = parse_x509_pem(pem.as_bytes()).map_err(|_| unreadable())?;
    let (_, certificate) = X509Certificate::from_der(&block.contents).map_err(|_| unreadable())?;
    Ok(look(&certificate))
}

/// By what an authority's certificates and lists are known as its own.
struct Own {
    /// Its name, DER: many authorities have the same.
    name: Vec<u8>,
    /// Ids of its key: that in its certificate, and that in its lists.
    keys: Vec<Vec<u8>>,
}

impl Own {
    fn of(authority: &Authority) -> Result<Self, PkiError> {
        let (name, key) = with_certificate(authority.cert_pem(), |certificate| {
            let name = certificate.subject().as_raw().to_vec();
            (name, subject_key(certificate.extensions()))
        })?;
        let list = authority.list(Vec::new())?;
        let blocks = blocks(list.as_bytes());
        let list = blocks.as_deref().and_then(parsed);
        let listing = list.and_then(|list| authority_key(list.extensions()));
        Ok(Self {
            name,
            keys: key.into_iter().chain(listing).collect(),
        })
    }

    /// Whether this issuer, with this id of its key, is the authority.
    fn is(&self, issuer: &[u8], key: Option<Vec<u8>>) -> bool {
        issuer == self.name && key.is_none_or(|key| self.keys.contains(&key))
    }

    fn serial_of(&self, pem: &str) -> Result<SerialNumber, PkiError> {
        let (subject, serial, is_own) = with_certificate(pem, |certificate| {
            let key = authority_key(certificate.extensions());
            (
                certificate.subject().to_string(),
                SerialNumber::from_slice(certificate.raw_serial()),
                self.is(certificate.issuer().as_raw(), key),
            )
        })?;
        if is_own {
            Ok(serial)
        } else {
            Err(PkiError::Foreign { subject })
        }
    }

    /// Who stands on a list already; nobody where there is none.
    fn listed(&self, path: &Path) -> Result<Vec<RevokedCertParams>, PkiError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(keep(path, source)),
        };
        let refused = |said: &str| {
            let invalid = std::io::ErrorKind::InvalidData;
            keep(path, std::io::Error::new(invalid, said))
        };
        let blocks = blocks(&text).ok_or_else(|| refused("this is no revocation list"))?;
        let list = parsed(&blocks).ok_or_else(|| refused("this is not one revocation list"))?;
        if !self.is(list.issuer().as_raw(), authority_key(list.extensions())) {
            return Err(refused("this is the list of another authority"));
        }
        let entries = list.iter_revoked_certificates().map(|revoked| {
            let since = u64::try_from(revoked.revocation_date.timestamp()).unwrap_or(0);
            entry(
                SerialNumber::from_slice(revoked.raw_serial()),
                UNIX_EPOCH + Duration::from_secs(since),
            )
        });
        Ok(entries.collect())
    }
}

/// All that a PEM file holds; `None` where a block of it is damaged.
fn blocks(text: &[u8]) -> Option<Vec<Pem>> {
    Pem::iter_from_buffer(text).collect::<Result<_, _>>().ok()
}

/// The list, if there is one and nothing else.
fn parsed(blocks: &[Pem]) -> Option<CertificateRevocationList<'_>> {
    let [block] = blocks else { return None };
    let parsed = CertificateRevocationList::from_der(&block.contents);
    parsed.ok().map(|(_, list)| list)
}

fn authority_key(extensions: &[X509Extension<'_>]) -> Option<Vec<u8>> {
    extensions
        .iter()
        .find_map(|one| match one.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(key) => {
                key.key_identifier.as_ref().map(|id| id.0.to_vec())
            }
            _ => None,
        })
}

fn subject_key(extensions: &[X509Extension<'_>]) -> Option<Vec<u8>> {
    extensions
        .iter()
        .find_map(|one| match one.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_who_was_revoked_before() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::create("test").unwrap();
        let own = Own::of(&authority).unwrap();
        let list = authority.revoke(folder.path(), &[]).unwrap();
        assert!(own.listed(&list).unwrap().is_empty());
        for device in ["pc-1", "pc-2"] {
            let device = authority.device(device).unwrap();
            for _ in 0..2 {
                authority
                    .revoke(folder.path(), &[&device.cert_pem])
                    .unwrap();
            }
        }
        assert_eq!(own.listed(&list).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_certificate_is_not_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::create("test").unwrap();
        assert!(authority.revoke(folder.path(), &["pc-1"]).is_err());
    }

    #[test]
    fn an_authority_that_was_taken_up_again_extends_its_own_list() {
        let folder = tempfile::tempdir().unwrap();
        let first = Authority::load_or_create(folder.path()).unwrap();
        let device = first.device("pc-1").unwrap();
        first.revoke(folder.path(), &[&device.cert_pem]).unwrap();
        let again = Authority::load(folder.path()).unwrap();
        let other = again.device("pc-2").unwrap();
        let list = again.revoke(folder.path(), &[&other.cert_pem]).unwrap();
        assert_eq!(Own::of(&first).unwrap().listed(&list).unwrap().len(), 2);
    }

    #[test]
    fn a_certificate_of_another_authority_of_the_same_name_is_not_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::create("test").unwrap();
        let device = Authority::create("test").unwrap().device("pc-1").unwrap();
        let refused = authority.revoke(folder.path(), &[&device.cert_pem]);
        assert!(matches!(refused, Err(PkiError::Foreign { .. })));
        assert!(!folder.path().join("crl.pem").exists());
    }

    #[test]
    fn a_list_that_is_not_ours_alone_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::create("test").unwrap();
        let list = authority.revoke(folder.path(), &[]).unwrap();
        let own = fs::read_to_string(&list).unwrap();
        let foreign = Authority::create("test").unwrap().list(Vec::new()).unwrap();
        for text in [format!("{own}{foreign}"), foreign] {
            fs::write(&list, &text).unwrap();
            assert!(authority.revoke(folder.path(), &[]).is_err());
            assert_eq!(fs::read_to_string(&list).unwrap(), text);
        }
    }
}
