//! Which files of mutual TLS are valid no more, or not for long.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::prelude::{ASN1Time, CertificateRevocationList, FromDer, X509Certificate};

use super::certificates::{Files, TlsError, certificates, revocations};
use crate::config::TlsConfig;

/// A file that runs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunsOut {
    /// Which file.
    pub file: String,
    /// Whole days left; negative once it is over.
    pub days: i64,
}

/// Which files are over by then, at `now + within`, those that run out first
/// before the others. A revocation list that is over counts on; it is named
/// because nobody seems to renew it.
///
/// # Errors
/// A file cannot be read.
pub fn running_out(
    config: &TlsConfig,
    now: SystemTime,
    within: Duration,
) -> Result<Vec<RunsOut>, TlsError> {
    let files = Files::read(config)?;
    let mut ends = certificates_end(&files, config)?;
    if let (Some(path), Some(bytes)) = (&config.client_crl, &files.client_crl) {
        for der in revocations(bytes, path)? {
            let parsed = CertificateRevocationList::from_der(&der);
            let next = parsed.ok().and_then(|(_, list)| list.next_update());
            ends.extend(next.map(|end| (path, end)));
        }
    }
    let now = seconds(now);
    let limit = now.saturating_add_unsigned(within.as_secs());
    let mut soon: Vec<_> = ends
        .into_iter()
        .map(|(path, end)| (end.timestamp(), path))
        .filter(|(end, _)| *end < limit)
        .collect();
    soon.sort();
    Ok(soon
        .into_iter()
        .map(|(end, path)| RunsOut {
            file: name(path),
            days: (end - now).div_euclid(24 * 3_600),
        })
        .collect())
}

/// When each certificate is over.
fn certificates_end<'a>(
    files: &Files,
    config: &'a TlsConfig,
) -> Result<Vec<(&'a PathBuf, ASN1Time)>, TlsError> {
    let mut ends = Vec::new();
    for (path, bytes) in [
        (&config.cert, &files.cert),
        (&config.client_ca, &files.client_ca),
    ] {
        for der in certificates(bytes, path)? {
            let parsed = X509Certificate::from_der(&der);
            ends.extend(parsed.map(|(_, found)| (path, found.validity().not_after)));
        }
    }
    Ok(ends)
}

/// When the first certificate is over, in seconds since 1970; 0 without any.
pub(super) fn first_end(files: &Files, config: &TlsConfig) -> Result<i64, TlsError> {
    let ends = certificates_end(files, config)?;
    let ends = ends.into_iter().map(|(_, end)| end.timestamp());
    Ok(ends.min().unwrap_or(0))
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TlsVersion;
    use crate::pki::Authority;

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn what_is_over_soon_is_named_with_the_days_that_are_left() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::load_or_create(folder.path()).unwrap();
        let now = SystemTime::now();
        let made = authority.device_until("gateway", now + DAY * 10 + DAY / 2);
        let (cert, key) = made.unwrap().write(folder.path(), "gateway").unwrap();
        let list = authority.revoke(folder.path(), &[]).unwrap();
        let config = TlsConfig {
            cert,
            key,
            client_ca: folder.path().join("ca.pem"),
            client_crl: Some(list),
            min_version: TlsVersion::default(),
        };
        let soon = running_out(&config, now, DAY * 30).unwrap();
        assert_eq!(soon.len(), 1, "{soon:?}");
        assert!(soon[0].file.ends_with("gateway.pem"));
        assert_eq!(soon[0].days, 10);
        assert_eq!(running_out(&config, now, DAY * 10).unwrap(), []);
        let end = first_end(&Files::read(&config).unwrap(), &config).unwrap();
        assert_eq!((end - seconds(now)).div_euclid(24 * 3_600), 10);
        let later = running_out(&config, now + DAY * 11, DAY * 30).unwrap();
        assert_eq!(later[0].days, -1);
    }
}
