//! Why a certificate is not made, kept or revoked, and what to do.

use std::path::{Path, PathBuf};

/// A certificate that cannot be made or kept.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A name that no certificate can carry, or a damaged key.
    #[error("make the certificate of {subject}")]
    Make {
        /// Whose.
        subject: String,
        /// Why not.
        source: rcgen::Error,
    },
    /// A text that can be no device's id.
    #[error("{id:?} is no device id: letters, digits, '.', '_' and '-', at most 128")]
    Id {
        /// Which text.
        id: String,
    },
    /// An id whose files would be the authority's own.
    #[error(
        "{id:?} is no name for a device here: ca, gateway and crl are the authority's own files"
    )]
    Reserved {
        /// Which id.
        id: String,
    },
    /// A file that would be lost.
    #[error(
        "{path} is there already and is never overwritten: name another folder, or move it away \
         (its certificate counts until it is revoked: --revoke-device)"
    )]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// An authority without its key.
    #[error(
        "{key} is missing beside ca.pem: bring it back from a backup, or, where nothing was ever \
         certified with it, remove ca.pem and begin anew"
    )]
    NoKey {
        /// Which file.
        key: PathBuf,
    },
    /// A device of which no certificate is known.
    #[error(
        "no certificate of {id} is known in {folder}: name its certificate (--revoke FILE), or the \
         folder of the authority that made it"
    )]
    NeverIssued {
        /// Which device.
        id: String,
        /// The authority's folder.
        folder: PathBuf,
    },
    /// A certificate that only its own authority can revoke.
    #[error("another authority has signed the certificate of {subject}: name that one's folder")]
    Foreign {
        /// Whose.
        subject: String,
    },
    /// A file that cannot be read or written.
    #[error("keep certificates in {path}")]
    Keep {
        /// Which file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

pub(super) fn keep(path: &Path, source: std::io::Error) -> PkiError {
    PkiError::Keep {
        path: path.to_owned(),
        source,
    }
}

pub(super) fn make(subject: &str, source: rcgen::Error) -> PkiError {
    PkiError::Make {
        subject: subject.to_owned(),
        source,
    }
}
