//! The certificate that this device shows, the key behind it, and whom it
//! believes.
//!
//! Certificate and key are PEM files or stand in the machine's store of
//! Windows; a key in there signs where it is and is never seen here. All is
//! read anew by every caller, so that what was renewed counts at once.

use std::io;
use std::path::{Path, PathBuf};

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::config::TlsConfig;
#[cfg(windows)]
use crate::windows::store;

pub(crate) mod choice;

/// No certificate or key to work with; a person must act.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file cannot be read.
    #[error("read {path}: check the paths under tls", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file holds something else.
    #[error("find a {what} in PEM in {path}", path = path.display())]
    NoPem {
        /// What was looked for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: pem::Error,
    },
    /// The key cannot be used, or belongs to another certificate.
    #[error("sign with the key of this device's certificate")]
    Key(#[source] rustls::Error),
    /// The store has no such certificate, or does not let its key be used.
    #[cfg(windows)]
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// There is no store on this system.
    #[cfg(not(windows))]
    #[error("only Windows has a certificate store: set tls.cert and tls.key")]
    NoStore,
}

/// The device's certificate with its chain, and the key that signs for it.
pub(crate) fn own(tls: &TlsConfig) -> Result<CertifiedKey, CredentialsError> {
    if tls.is_in_store() {
        return own_in_store(tls);
    }
    let chain = certificates(&tls.cert)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&tls.key)?)
        .map_err(|source| no_pem("private key", &tls.key, source))?;
    CertifiedKey::from_der(chain, key, &default_provider()).map_err(CredentialsError::Key)
}

/// The device's certificate with its chain; its key is not touched.
pub(crate) fn chain(tls: &TlsConfig) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    if tls.is_in_store() {
        return chain_in_store(tls);
    }
    certificates(&tls.cert)
}

/// The authorities that may vouch for others.
pub(crate) fn authorities(
    tls: &TlsConfig,
) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    certificates(&tls.ca)
}

/// Where the device's certificate is, for a person.
pub(crate) fn place(tls: &TlsConfig) -> String {
    match (&tls.store_thumbprint, &tls.store_subject) {
        (Some(thumbprint), _) => format!("{thumbprint} in the machine's certificate store"),
        (_, Some(subject)) => format!("CN={subject} in the machine's certificate store"),
        _ => tls.cert.display().to_string(),
    }
}

#[cfg(windows)]
fn own_in_store(tls: &TlsConfig) -> Result<CertifiedKey, CredentialsError> {
    Ok(store::own(tls)?)
}

#[cfg(windows)]
fn chain_in_store(tls: &TlsConfig) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    Ok(store::chain(tls)?)
}

#[cfg(not(windows))]
fn own_in_store(_: &TlsConfig) -> Result<CertifiedKey, CredentialsError> {
    Err(CredentialsError::NoStore)
}

#[cfg(not(windows))]
fn chain_in_store(_: &TlsConfig) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    Err(CredentialsError::NoStore)
}

/// The certificates of a file, one at least.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let unfit = |source| no_pem("certificate", path, source);
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    let found = found.map_err(unfit)?;
    if found.is_empty() {
        return Err(unfit(pem::Error::NoItemsFound));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, CredentialsError> {
    std::fs::read(path).map_err(|source| CredentialsError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

fn no_pem(what: &'static str, path: &Path, source: pem::Error) -> CredentialsError {
    CredentialsError::NoPem {
        what,
        path: path.to_owned(),
        source,
    }
}
