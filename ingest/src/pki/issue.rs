//! What an authority signs: certificates of gateways, devices and of those who
//! bring logs of others.

use std::net::IpAddr;
use std::time::SystemTime;

use kbwatch_proto::identity::{DEVICE_URN, ROLE_URN};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};

use super::{Authority, CertifiedKey, PkiError, make, named};

impl Authority {
    /// Certificate of a gateway that answers to these host names and addresses.
    ///
    /// # Errors
    /// [`PkiError::Make`], for a name that is neither.
    pub fn server(&self, hosts: &[&str]) -> Result<CertifiedKey, PkiError> {
        let subject = hosts.first().copied().unwrap_or("kbwatch gateway");
        let mut params = named(subject);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        for host in hosts {
            params.subject_alt_names.push(match host.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => {
                    SanType::DnsName((*host).try_into().map_err(|source| make(subject, source))?)
                }
            });
        }
        self.sign(subject, params)
    }

    /// Certificate of a device's collector.
    ///
    /// # Errors
    /// [`PkiError::Make`], for an id that no certificate can carry.
    pub fn device(&self, device_id: &str) -> Result<CertifiedKey, PkiError> {
        self.client(device_id, &[format!("{DEVICE_URN}{device_id}")])
    }

    /// Certificate of a device's collector that nobody accepts any more from
    /// then on.
    ///
    /// # Errors
    /// [`PkiError::Make`], for an id that no certificate can carry.
    pub fn device_until(
        &self,
        device_id: &str,
        until: SystemTime,
    ) -> Result<CertifiedKey, PkiError> {
        self.device_between(device_id, SystemTime::UNIX_EPOCH, until)
    }

    /// Certificate of a device's collector that nobody accepts before and after.
    ///
    /// # Errors
    /// [`PkiError::Make`], for an id that no certificate can carry.
    pub fn device_between(
        &self,
        device_id: &str,
        from: SystemTime,
        until: SystemTime,
    ) -> Result<CertifiedKey, PkiError> {
        let mut params = client(device_id, &[format!("{DEVICE_URN}{device_id}")])?;
        params.not_before = from.into();
        params.not_after = until.into();
        self.sign(device_id, params)
    }

    /// Certificate of someone who may import logs of other devices.
    ///
    /// # Errors
    /// [`PkiError::Make`], for an id that no certificate can carry.
    pub fn importer(&self, id: &str) -> Result<CertifiedKey, PkiError> {
        self.with_role(id, "importer")
    }

    /// Certificate of someone who carries what devices made and signed.
    ///
    /// # Errors
    /// The id can be no name.
    pub fn carrier(&self, id: &str) -> Result<CertifiedKey, PkiError> {
        self.with_role(id, "carrier")
    }

    fn with_role(&self, id: &str, role: &str) -> Result<CertifiedKey, PkiError> {
        self.client(
            id,
            &[format!("{DEVICE_URN}{id}"), format!("{ROLE_URN}{role}")],
        )
    }

    /// Client certificate with these URI names, whatever they say.
    ///
    /// # Errors
    /// [`PkiError::Make`].
    pub fn client(&self, common_name: &str, uris: &[String]) -> Result<CertifiedKey, PkiError> {
        self.sign(common_name, client(common_name, uris)?)
    }

    fn sign(&self, subject: &str, mut params: CertificateParams) -> Result<CertifiedKey, PkiError> {
        let failed = |source| make(subject, source);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().map_err(failed)?;
        let cert = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok(CertifiedKey {
            cert_pem: cert.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

pub(super) fn client(common_name: &str, uris: &[String]) -> Result<CertificateParams, PkiError> {
    let mut params = named(common_name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    for uri in uris {
        let uri = uri
            .as_str()
            .try_into()
            .map_err(|source| make(common_name, source))?;
        params.subject_alt_names.push(SanType::URI(uri));
    }
    Ok(params)
}
