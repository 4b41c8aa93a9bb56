//! A certificate with its key, and the two files that they lie in.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{PkiError, keep};

/// A certificate and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertifiedKey {
    /// The certificate.
    pub cert_pem: String,
    /// Its private key.
    pub key_pem: String,
}

impl CertifiedKey {
    /// Writes `NAME.pem` and `NAME.key`, which must not be there: what lies there
    /// may be in use, and is the only one of its kind. Only the owner may read
    /// the key. Returns when both are on disk.
    ///
    /// # Errors
    /// [`PkiError`] names the file.
    pub fn write(&self, folder: &Path, name: &str) -> Result<(PathBuf, PathBuf), PkiError> {
        Self::check_free(folder, name)?;
        let (cert, key) = files(folder, name);
        fs::create_dir_all(folder).map_err(|source| keep(folder, source))?;
        // A key without a certificate is of no use and does no harm.
        write_new(&key, &self.key_pem, private()).map_err(|source| keep(&key, source))?;
        write_new(&cert, &self.cert_pem, public()).map_err(|source| keep(&cert, source))?;
        settle(folder)?;
        Ok((cert, key))
    }

    /// Whether `NAME.pem` and `NAME.key` may be written.
    ///
    /// # Errors
    /// [`PkiError::Exists`] names the file that is there.
    pub fn check_free(folder: &Path, name: &str) -> Result<(), PkiError> {
        let (cert, key) = files(folder, name);
        [cert, key].iter().try_for_each(|path| free(path))
    }

    /// Writes `NAME.pem` and `NAME.key` in place of those that are there.
    ///
    /// # Errors
    /// [`PkiError`] names the file.
    pub fn replace(&self, folder: &Path, name: &str) -> Result<(PathBuf, PathBuf), PkiError> {
        let (cert, key) = files(folder, name);
        fs::create_dir_all(folder).map_err(|source| keep(folder, source))?;
        put(&key, &self.key_pem, private())?;
        put(&cert, &self.cert_pem, public())?;
        Ok((cert, key))
    }
}

fn files(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let file = |ending| folder.join(format!("{name}.{ending}"));
    (file("pem"), file("key"))
}

/// Refuses a file that is there.
fn free(path: &Path) -> Result<(), PkiError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(PkiError::Exists {
            path: path.to_owned(),
        }),
        Err(_) => Ok(()),
    }
}

/// Puts a text in a file's place, whole: whoever reads it, or a loss of power,
/// finds the old one or the new one.
pub(super) fn put(path: &Path, text: &str, options: fs::OpenOptions) -> Result<(), PkiError> {
    // Another process may be at the same.
    let number = fastrand::u64(..);
    let part = path.with_added_extension(format!("{number:016x}.part"));
    let written = write_new(&part, text, options).and_then(|()| fs::rename(&part, path));
    if let Err(source) = written {
        drop(fs::remove_file(&part));
        return Err(keep(path, source));
    }
    path.parent().map_or(Ok(()), settle)
}

pub(super) fn write_new(path: &Path, text: &str, mut options: fs::OpenOptions) -> io::Result<()> {
    let mut file = options.create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Names of files survive the loss of power.
pub(super) fn settle(folder: &Path) -> Result<(), PkiError> {
    let settled = fs::File::open(folder).and_then(|folder| folder.sync_all());
    settled.map_err(|source| keep(folder, source))
}

/// How a file is opened for writing that anybody may read.
pub(super) fn public() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true);
    options
}

/// How a file is opened for writing that only its owner may read.
pub(super) fn private() -> fs::OpenOptions {
    let mut options = public();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(text: &str) -> CertifiedKey {
        CertifiedKey {
            cert_pem: format!("cert {text}"),
            key_pem: format!("key {text}"),
        }
    }

    #[test]
    fn a_certificate_never_takes_the_place_of_another_unasked() {
        let folder = tempfile::tempdir().unwrap();
        made("first").write(folder.path(), "pc-1").unwrap();
        let refused = made("other").write(folder.path(), "pc-1").unwrap_err();
        assert!(matches!(refused, PkiError::Exists { .. }), "{refused}");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(
            (read("pc-1.pem"), read("pc-1.key")),
            ("cert first".into(), "key first".into())
        );
        made("next").replace(folder.path(), "pc-1").unwrap();
        assert_eq!(
            (read("pc-1.pem"), read("pc-1.key")),
            ("cert next".into(), "key next".into())
        );
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            2,
            "nothing is left"
        );
    }
}
