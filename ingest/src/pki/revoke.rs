//! The list of certificates that count no more: `crl.pem` beside the authority.
//!
//! It only grows. Gateways that watch it hang up on who stands there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber};
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

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
    /// [`PkiError`] names the file.
    pub fn revoke(&self, folder: &Path, certificates: &[&str]) -> Result<PathBuf, PkiError> {
        let path = folder.join("crl.pem");
        let mut revoked = listed(&path)?;
        for pem in certificates {
            let serial = serial_of(pem)?;
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

fn serial_of(pem: &str) -> Result<SerialNumber, PkiError> {
    let unreadable = || make("a revoked device", rcgen::Error::CouldNotParseCertificate);
    let (_, block) = parse_x509_pem(pem.as_bytes()).map_err(|_| unreadable())?;
    let (_, certificate) = X509Certificate::from_der(&block.contents).map_err(|_| unreadable())?;
    Ok(SerialNumber::from_slice(certificate.raw_serial()))
}

/// Who stands on a list already; nobody where there is none.
fn listed(path: &Path) -> Result<Vec<RevokedCertParams>, PkiError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(keep(path, source)),
    };
    let unreadable = || {
        let said = "this is no revocation list";
        keep(
            path,
            std::io::Error::new(std::io::ErrorKind::InvalidData, said),
        )
    };
    let (_, block) = parse_x509_pem(&text).map_err(|_| unreadable())?;
    let (_, list) =
        CertificateRevocationList::from_der(&block.contents).map_err(|_| unreadable())?;
    let entries = list.iter_revoked_certificates().map(|revoked| {
        let since = u64::try_from(revoked.revocation_date.timestamp()).unwrap_or(0);
        entry(
            SerialNumber::from_slice(revoked.raw_serial()),
            UNIX_EPOCH + Duration::from_secs(since),
        )
    });
    Ok(entries.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_who_was_revoked_before() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::create("test").unwrap();
        let list = authority.revoke(folder.path(), &[]).unwrap();
        assert!(listed(&list).unwrap().is_empty());
        for device in ["pc-1", "pc-2"] {
            let device = authority.device(device).unwrap();
            for _ in 0..2 {
                authority
                    .revoke(folder.path(), &[&device.cert_pem])
                    .unwrap();
            }
        }
        assert_eq!(listed(&list).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_certificate_is_not_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::create("test").unwrap();
        assert!(authority.revoke(folder.path(), &["pc-1"]).is_err());
    }
}
