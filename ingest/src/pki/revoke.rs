//! The list of certificates that count no more: `crl.pem` beside the authority.
//!
//! It only grows. Gateways that watch it hang up on who stands there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kbwatch_proto::hex;
use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber};
use x509_parser::pem::{Pem, parse_x509_pem};
use x509_parser::prelude::{
    CertificateRevocationList, FromDer, ParsedExtension, X509Certificate, X509Extension,
};

use super::certified::{private, public, put};
use super::ledger::Ledger;
use super::{Authority, PkiError, Tokens, keep, make};

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
        let own = Own::of(self)?;
        let serials = certificates.iter().map(|pem| own.serial_of(pem));
        self.revoke_serials(folder, &own, serials.collect::<Result<_, _>>()?)
    }

    /// Revokes all certificates of a device that were ever made here, whoever
    /// has them, and the tokens with which it could enrol again. Says where the
    /// list lies, and how many those are.
    ///
    /// # Errors
    /// [`PkiError`] names the file, or the device of which none is known.
    pub fn revoke_device(&self, folder: &Path, id: &str) -> Result<(PathBuf, usize), PkiError> {
        let own = Own::of(self)?;
        let noted = Ledger::of(folder).serials_of(id)?;
        let noted = noted.iter().filter_map(|serial| hex::decode(serial));
        let mut serials: Vec<_> = noted
            .map(|serial| SerialNumber::from_slice(&serial))
            .collect();
        // What was made before there was a ledger.
        let mut certificates = Tokens::of(folder).withdraw(id)?;
        certificates.extend(fs::read_to_string(folder.join(format!("{id}.pem"))).ok());
        for pem in &certificates {
            let serial = own.serial_of(pem)?;
            if !serials.contains(&serial) {
                serials.push(serial);
            }
        }
        if serials.is_empty() {
            return Err(PkiError::NeverIssued {
                id: id.to_owned(),
                folder: folder.to_owned(),
            });
        }
        let count = serials.len();
        Ok((self.revoke_serials(folder, &own, serials)?, count))
    }

    fn revoke_serials(
        &self,
        folder: &Path,
        own: &Own,
        serials: Vec<SerialNumber>,
    ) -> Result<PathBuf, PkiError> {
        let path = folder.join("crl.pem");
        // Whoever else revokes at the same moment waits: a list that is read, added
        // to and put in its place by two would forget what one of them added.
        let lock = folder.join("crl.lock");
        let locked = private().create(true).truncate(false).open(&lock);
        let locked = locked.and_then(|file| file.lock().map(|()| file));
        let _locked = locked.map_err(|source| keep(&lock, source))?;
        let mut revoked = own.listed(&path)?;
        for serial in serials {
            if !revoked.iter().any(|known| known.serial_number == serial) {
                revoked.push(entry(serial, SystemTime::now()));
            }
        }
        put(&path, &self.list(revoked)?, public())?;
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
mod tests;
