//! What an authority signs: certificates of gateways, devices and of those who
//! bring logs of others.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kbwatch_proto::hex;
use kbwatch_proto::identity::{DEVICE_URN, ROLE_URN};
use rcgen::{
    CertificateParams, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
    SerialNumber,
};
use tokio_rustls::rustls::crypto::ring::default_provider;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::ledger::Issued;
use super::{Authority, CertifiedKey, PkiError, make, named};

/// Bytes of a certificate's number (RFC 5280 allows 20).
const SERIAL_BYTES: usize = 16;

impl Authority {
    /// Certificate of a gateway that answers to these host names and addresses.
    ///
    /// # Errors
    /// [`PkiError::Make`], for a name that is neither.
    pub fn server(&self, hosts: &[&str]) -> Result<CertifiedKey, PkiError> {
        let subject = hosts.first().copied().unwrap_or("kbwatch gateway");
        let mut params = named(subject, self.valid);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        for host in hosts {
            params.subject_alt_names.push(match host.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => {
                    SanType::DnsName((*host).try_into().map_err(|source| make(subject, source))?)
                }
            });
        }
        self.sign(None, params)
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
        let uris = [format!("{DEVICE_URN}{device_id}")];
        let mut params = client(device_id, &uris, self.valid)?;
        params.not_before = from.into();
        params.not_after = until.into();
        self.sign(Some(device_id), params)
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
        self.sign(Some(common_name), client(common_name, uris, self.valid)?)
    }

    /// A certificate as a device has it, to be looked at; its key is forgotten.
    ///
    /// # Errors
    /// [`PkiError::Make`].
    pub(crate) fn sample(&self) -> Result<String, PkiError> {
        let key = KeyPair::generate().map_err(|source| make("a sample", source))?;
        let params = client("sample", &[format!("{DEVICE_URN}sample")], self.valid)?;
        let cert = params.signed_by(&key, &self.issuer);
        Ok(cert.map_err(|source| make("a sample", source))?.pem())
    }

    fn sign(&self, id: Option<&str>, params: CertificateParams) -> Result<CertifiedKey, PkiError> {
        let failed = |source| make(id.unwrap_or("the gateway"), source);
        let key = KeyPair::generate().map_err(failed)?;
        Ok(CertifiedKey {
            cert_pem: self.sign_key(id, params, &key)?,
            key_pem: key.serialize_pem(),
        })
    }

    /// Certifies a key (PEM), under a number that stands in the ledger before
    /// anybody sees the certificate.
    pub(super) fn sign_key(
        &self,
        id: Option<&str>,
        mut params: CertificateParams,
        key: &impl PublicKeyData,
    ) -> Result<String, PkiError> {
        let failed = |source| make(id.unwrap_or("the gateway"), source);
        let mut serial = [0; SERIAL_BYTES];
        let filled = default_provider().secure_random.fill(&mut serial);
        filled.map_err(|_| failed(rcgen::Error::RingUnspecified))?;
        // A positive number, as long as it is.
        serial[0] = serial[0] & 0x7f | 0x40;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.not_after = params.not_after.min(self.ends()?.into());
        if let Some(ledger) = &self.ledger {
            ledger.note(&Issued {
                serial: hex::encode(&serial),
                id: id.map(str::to_owned),
                until_s: params.not_after.unix_timestamp(),
            })?;
        }
        let cert = params.signed_by(key, &self.issuer).map_err(failed)?;
        Ok(cert.pem())
    }

    /// When the authority's own certificate is over.
    pub(super) fn ends(&self) -> Result<SystemTime, PkiError> {
        let unreadable = || make("the authority", rcgen::Error::CouldNotParseCertificate);
        let (_, block) = parse_x509_pem(self.cert_pem().as_bytes()).map_err(|_| unreadable())?;
        let (_, own) = X509Certificate::from_der(&block.contents).map_err(|_| unreadable())?;
        let ends = u64::try_from(own.validity().not_after.timestamp()).unwrap_or(0);
        Ok(UNIX_EPOCH + Duration::from_secs(ends))
    }
}

pub(super) fn client(
    common_name: &str,
    uris: &[String],
    valid: Duration,
) -> Result<CertificateParams, PkiError> {
    let mut params = named(common_name, valid);
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
