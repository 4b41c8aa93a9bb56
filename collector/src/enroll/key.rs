//! The key of this device: made here, and kept where only its owner may read.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::EnrollError;
use crate::config::TlsConfig;
use crate::identity;

/// A key that waits for its certificate, beside where it will lie.
pub(super) struct Key {
    pair: KeyPair,
    waits_at: PathBuf,
}

impl Key {
    /// The key that waits since an earlier try, or a new one; it is on disk.
    ///
    /// P-256: every gateway takes it, and it is made in no time.
    pub(super) fn waiting(at: &Path) -> Result<Self, EnrollError> {
        let waits_at = beside(at, "new");
        let failed = |source| EnrollError::File {
            path: waits_at.clone(),
            source,
        };
        match fs::read_to_string(&waits_at) {
            Ok(text) => {
                // A torn one was never certified: it was not on disk yet.
                if let Ok(pair) = KeyPair::from_pem(&text) {
                    return Ok(Self { pair, waits_at });
                }
                fs::remove_file(&waits_at).map_err(failed)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let pair = KeyPair::generate().map_err(EnrollError::Key)?;
        write_private(&waits_at, &pair.serialize_pem()).map_err(failed)?;
        Ok(Self { pair, waits_at })
    }

    /// A request for its certificate (PKCS#10, DER). It names nobody: the token
    /// says who this is.
    pub(super) fn request(&self) -> Result<Vec<u8>, EnrollError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&self.pair);
        Ok(request.map_err(EnrollError::Key)?.der().to_vec())
    }

    /// Whom a chain (PEM) certifies, if it is this key and, unless that is empty,
    /// this device.
    pub(super) fn fits(&self, chain: &str, device: &str) -> Result<String, EnrollError> {
        let unfit = |why: &str| EnrollError::Unfit(why.to_owned());
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
        let certificates = certificates.map_err(|_| unfit("it is no PEM"))?;
        let own = certificates.first().ok_or_else(|| unfit("there is none"))?;
        let named = identity::of_der(own).ok_or_else(|| unfit("it names no device"))?;
        let key = PrivateKeyDer::from_pem_slice(self.pair.serialize_pem().as_bytes())
            .map_err(|_| unfit("its key cannot be used"))?;
        CertifiedKey::from_der(certificates, key, &default_provider())
            .map_err(|error| EnrollError::Unfit(error.to_string()))?;
        if !device.is_empty() && named.id != device {
            return Err(unfit("it names another device"));
        }
        Ok(named.id)
    }

    /// Puts certificate and key where they belong, the key last: until then the
    /// same command may be given again.
    pub(super) fn settle(self, tls: &TlsConfig, chain: &str) -> Result<(), EnrollError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| EnrollError::File { path, source }
        };
        let part = beside(&tls.cert, "new");
        write_whole(&part, chain).map_err(failed(&part))?;
        fs::rename(&part, &tls.cert).map_err(failed(&tls.cert))?;
        fs::rename(&self.waits_at, &tls.key).map_err(failed(&tls.key))
    }
}

/// `pc-1.key.new` for `pc-1.key`.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// A new file that only its owner may read; on Windows the folder's rights hold,
/// as `install.ps1` sets them.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use rcgen::{DnType, SanType};

    use super::*;

    fn certificate(pair: &KeyPair, device: &str) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, device);
        let uri = format!("urn:kbwatch:device:{device}");
        params.subject_alt_names = vec![SanType::URI(uri.as_str().try_into().unwrap())];
        params.self_signed(pair).unwrap().pem()
    }

    fn tls(folder: &Path) -> TlsConfig {
        TlsConfig {
            cert: folder.join("pc-1.pem"),
            key: folder.join("pc-1.key"),
            ..TlsConfig::default()
        }
    }

    #[test]
    fn a_key_waits_until_it_is_certified_and_is_the_same_after_a_kill() {
        let folder = tempfile::tempdir().unwrap();
        let tls = tls(folder.path());
        let first = Key::waiting(&tls.key).unwrap();
        let again = Key::waiting(&tls.key).unwrap();
        assert_eq!(first.pair.serialize_der(), again.pair.serialize_der());
        let chain = certificate(&again.pair, "pc-1");
        again.settle(&tls, &chain).unwrap();
        let kept = fs::read_to_string(&tls.key).unwrap();
        assert_eq!(kept, first.pair.serialize_pem());
        assert_eq!(fs::read_to_string(&tls.cert).unwrap(), chain);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_torn_key_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let tls = tls(folder.path());
        fs::write(beside(&tls.key, "new"), "-----BEGIN PRIV").unwrap();
        let made = Key::waiting(&tls.key).unwrap();
        let again = Key::waiting(&tls.key).unwrap();
        assert_eq!(made.pair.serialize_der(), again.pair.serialize_der());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_a_key() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let key = Key::waiting(&folder.path().join("pc-1.key")).unwrap();
        let mode = fs::metadata(&key.waits_at).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_certificate_for_another_key_or_another_device_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::waiting(&folder.path().join("pc-1.key")).unwrap();
        let other = KeyPair::generate().unwrap();
        let own = certificate(&key.pair, "pc-1");
        assert_eq!(key.fits(&own, "pc-1").unwrap(), "pc-1");
        assert_eq!(key.fits(&own, "").unwrap(), "pc-1");
        for (chain, device) in [
            (own.as_str(), "pc-2"),
            (&certificate(&other, "pc-1"), "pc-1"),
            ("hello", "pc-1"),
            ("", ""),
        ] {
            let refused = key.fits(chain, device);
            assert!(matches!(refused, Err(EnrollError::Unfit(_))), "{chain}");
        }
    }
}
