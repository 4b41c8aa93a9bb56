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
    /// Writes `NAME.pem` and `NAME.key`; only the owner may read the key.
    ///
    /// # Errors
    /// [`PkiError::Keep`] names the file.
    pub fn write(&self, folder: &Path, name: &str) -> Result<(PathBuf, PathBuf), PkiError> {
        let cert = folder.join(format!("{name}.pem"));
        let key = folder.join(format!("{name}.key"));
        fs::create_dir_all(folder).map_err(|source| keep(folder, source))?;
        fs::write(&cert, &self.cert_pem).map_err(|source| keep(&cert, source))?;
        write_private(&key, &self.key_pem).map_err(|source| keep(&key, source))?;
        Ok((cert, key))
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = private().create(true).truncate(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// How a file is opened for writing that only its owner may read.
pub(super) fn private() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
