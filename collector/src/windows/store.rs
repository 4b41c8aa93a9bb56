//! A certificate of the machine's store, whose key signs through CNG and never
//! leaves it: software keys, smart cards and TPMs alike.
//!
//! Wine finds certificates both ways and has no key behind them: signing awaits
//! a real machine.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls_cng::cert::CertContext;
use rustls_cng::error::CngError;
use rustls_cng::signer::CngSigningKey;
use rustls_cng::store::{CertStore, CertStoreType};

use crate::config::TlsConfig;
use crate::credentials::{choice, place};
use crate::run::now_ms;

/// The store with certificates that have a key: "Personal" on screens.
const STORE: &str = "MY";

/// Nothing to use in the store; a person must act.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store does not open.
    #[error("open the machine's certificate store")]
    Closed(#[source] CngError),
    /// It has no such certificate.
    #[error("find {0}: check tls.store_thumbprint or tls.store_subject")]
    Missing(String),
    /// The certificate's key is not there, or not for this account.
    #[error("use the key of {place}: let the service kbwatch-collector read it")]
    Key {
        /// Which certificate.
        place: String,
        /// What Windows says.
        #[source]
        source: CngError,
    },
}

/// The certificate with its chain, and its key where it is.
pub(crate) fn own(tls: &TlsConfig) -> Result<CertifiedKey, StoreError> {
    let certificate = find(tls)?;
    let unusable = |source| StoreError::Key {
        place: place(tls),
        source,
    };
    // Silent: nobody is there to answer a question.
    let key = certificate.acquire_key(true).map_err(unusable)?;
    let key = CngSigningKey::new(key).map_err(unusable)?;
    Ok(CertifiedKey::new(chain_of(&certificate), Arc::new(key)))
}

/// The certificate with its chain.
pub(crate) fn chain(tls: &TlsConfig) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    find(tls).map(|certificate| chain_of(&certificate))
}

fn find(tls: &TlsConfig) -> Result<CertContext, StoreError> {
    let missing = || StoreError::Missing(place(tls));
    let store = CertStore::open(CertStoreType::LocalMachine, STORE).map_err(StoreError::Closed)?;
    if let Some(thumbprint) = &tls.store_thumbprint {
        let thumbprint = choice::thumbprint(thumbprint).ok_or_else(missing)?;
        let found = store.find_by_sha1(thumbprint).map_err(StoreError::Closed)?;
        return found.into_iter().next().ok_or_else(missing);
    }
    let subject = tls.store_subject.as_deref().ok_or_else(missing)?;
    let mut all = store.find_all().map_err(StoreError::Closed)?;
    let ders = all.iter().map(CertContext::as_der);
    let chosen = choice::of_subject(ders, subject, now_ms() / 1_000).ok_or_else(missing)?;
    Ok(all.swap_remove(chosen))
}

/// The certificate, and those between it and its root as far as Windows knows
/// them.
fn chain_of(certificate: &CertContext) -> Vec<CertificateDer<'static>> {
    let chain = certificate.as_chain_der().unwrap_or_default();
    if chain.is_empty() {
        return vec![CertificateDer::from(certificate.as_der().to_vec())];
    }
    chain.into_iter().map(CertificateDer::from).collect()
}
