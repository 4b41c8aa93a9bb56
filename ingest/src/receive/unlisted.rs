//! Which authorities have no revocation list, while revocation is on: whoever
//! they signed for is not let in, and nobody would know why.

use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use super::certificates::{Files, TlsError, certificates, revocations};
use crate::config::TlsConfig;

/// Names of authorities in `client_ca` without a list in `client_crl`; none
/// where there are no lists at all.
///
/// # Errors
/// A file cannot be read.
pub fn without_list(config: &TlsConfig) -> Result<Vec<String>, TlsError> {
    without(&Files::read(config)?, config)
}

pub(super) fn without(files: &Files, config: &TlsConfig) -> Result<Vec<String>, TlsError> {
    let (Some(bytes), Some(path)) = (&files.client_crl, &config.client_crl) else {
        return Ok(Vec::new());
    };
    let lists = revocations(bytes, path)?;
    let listing: Vec<_> = lists
        .iter()
        .filter_map(|der| {
            let (_, list) = CertificateRevocationList::from_der(der).ok()?;
            Some(list.issuer().as_raw().to_vec())
        })
        .collect();
    let authorities = certificates(&files.client_ca, &config.client_ca)?;
    let named = authorities.iter().filter_map(|der| {
        let (_, authority) = X509Certificate::from_der(der).ok()?;
        let name = authority.subject();
        let is_listed = listing.iter().any(|issuer| issuer == name.as_raw());
        (!is_listed).then(|| name.to_string())
    });
    Ok(named.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TlsVersion;
    use crate::pki::Authority;

    #[test]
    fn an_authority_without_a_list_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let own = Authority::load_or_create(folder.path()).unwrap();
        let other = Authority::create("Branches CA").unwrap();
        let both = own.cert_pem().to_owned() + other.cert_pem();
        let client_ca = folder.path().join("both.pem");
        std::fs::write(&client_ca, both).unwrap();
        let (cert, key) = own
            .server(&["localhost"])
            .unwrap()
            .write(folder.path(), "gateway")
            .unwrap();
        let mut config = TlsConfig {
            cert,
            key,
            client_ca,
            client_crl: Some(own.revoke(folder.path(), &[]).unwrap()),
            min_version: TlsVersion::default(),
        };
        assert_eq!(without_list(&config).unwrap(), ["CN=Branches CA"]);
        config.client_crl = None;
        assert!(without_list(&config).unwrap().is_empty());
    }
}
