//! Bad clients by what they show: certificates that must not be believed.

use std::time::{Duration, SystemTime};

use kbwatch_ingest::pki::{Authority, CertifiedKey};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber,
};
use std::sync::OnceLock;

use crate::device::open;
use crate::gateway::Fort;

/// An authority with two authorities under it: one is revoked, of the other
/// nobody says who is.
pub(crate) struct Foreign {
    pub(crate) root_pem: String,
    pub(crate) lists_pem: String,
    of_revoked: CertifiedKey,
    of_unlisted: CertifiedKey,
    /// With two hundred links.
    long: CertifiedKey,
    stolen: OnceLock<CertifiedKey>,
}

type Signer = Issuer<'static, KeyPair>;

const DAY: Duration = Duration::from_hours(24);

impl Foreign {
    pub(crate) fn make() -> Self {
        let (root, root_pem) = authority("root", 1, None);
        let (revoked, revoked_pem) = authority("revoked", 0, Some(&root));
        let (unlisted, unlisted_pem) = authority("unlisted", 0, Some(&root));
        let lists_pem = list(&root, &["revoked"]) + &list(&revoked, &[]);
        Self {
            root_pem,
            lists_pem,
            of_revoked: chained(&client("pc-1"), &revoked, &revoked_pem),
            of_unlisted: chained(&client("pc-1"), &unlisted, &unlisted_pem),
            long: chained(&client("pc-1"), &unlisted, &unlisted_pem.repeat(200)),
            stolen: OnceLock::new(),
        }
    }

    /// A certificate of our own authority that is on its list.
    pub(crate) fn stolen_of(&self, authority: &Authority) -> &CertifiedKey {
        self.stolen
            .get_or_init(|| authority.device("stolen").unwrap())
    }
}

/// Serial numbers that lists name, made of the name.
fn serial(name: &str) -> SerialNumber {
    SerialNumber::from(name.as_bytes().to_vec())
}

fn authority(name: &str, depth: u8, by: Option<&Signer>) -> (Signer, String) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(depth));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(serial(name));
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().unwrap();
    let cert = match by {
        Some(by) => params.signed_by(&key, by).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    (Issuer::new(params, key), cert.pem())
}

fn list(by: &Signer, revoked: &[&str]) -> String {
    let now = SystemTime::now();
    let entry = |name: &&str| RevokedCertParams {
        serial_number: serial(name),
        revocation_time: now.into(),
        reason_code: None,
        invalidity_date: None,
    };
    let list = CertificateRevocationListParams {
        this_update: now.into(),
        next_update: (now + DAY).into(),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: revoked.iter().map(entry).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(by).unwrap().pem().unwrap()
}

fn client(id: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, id);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    params
}

fn chained(params: &CertificateParams, by: &Signer, by_pem: &str) -> CertifiedKey {
    let key = KeyPair::generate().unwrap();
    CertifiedKey {
        cert_pem: params.signed_by(&key, by).unwrap().pem() + by_pem,
        key_pem: key.serialize_pem(),
    }
}

fn alone(params: &CertificateParams) -> CertifiedKey {
    let key = KeyPair::generate().unwrap();
    CertifiedKey {
        cert_pem: params.self_signed(&key).unwrap().pem(),
        key_pem: key.serialize_pem(),
    }
}

/// Opens a stream and says how that ended.
async fn shows(fort: &Fort, own: Option<&CertifiedKey>) -> String {
    let Ok(channel) = fort.connect(own).await else {
        return "closed".to_owned();
    };
    match open(channel).await {
        Ok(_) => "let in".to_owned(),
        // TLS 1.3 lets a client believe for a moment that it is in.
        Err(status) if status.metadata().is_empty() && is_broken(&status) => "closed".to_owned(),
        Err(status) => format!("{:?}", status.code()),
    }
}

fn is_broken(status: &tonic::Status) -> bool {
    matches!(
        status.code(),
        tonic::Code::Unavailable
            | tonic::Code::Unknown
            | tonic::Code::Internal
            | tonic::Code::Cancelled
    )
}

pub(crate) async fn nothing(fort: &Fort) -> String {
    shows(fort, None).await
}

pub(crate) async fn foreign(fort: &Fort) -> String {
    let other = Authority::create("ours").unwrap();
    shows(fort, Some(&other.device("pc-1").unwrap())).await
}

pub(crate) async fn self_signed(fort: &Fort) -> String {
    shows(fort, Some(&alone(&client("pc-1")))).await
}

pub(crate) async fn expired(fort: &Fort) -> String {
    let yesterday = SystemTime::now() - DAY;
    let own = fort.authority.device_until("pc-1", yesterday).unwrap();
    shows(fort, Some(&own)).await
}

pub(crate) async fn not_yet_valid(fort: &Fort) -> String {
    let (tomorrow, later) = (SystemTime::now() + DAY, SystemTime::now() + DAY * 2);
    let own = fort.authority.device_between("pc-1", tomorrow, later);
    shows(fort, Some(&own.unwrap())).await
}

pub(crate) async fn revoked(fort: &Fort) -> String {
    let stolen = fort.foreign.stolen_of(&fort.authority);
    shows(fort, Some(stolen)).await
}

pub(crate) async fn of_revoked_authority(fort: &Fort) -> String {
    shows(fort, Some(&fort.foreign.of_revoked)).await
}

pub(crate) async fn of_unlisted_authority(fort: &Fort) -> String {
    shows(fort, Some(&fort.foreign.of_unlisted)).await
}

pub(crate) async fn of_a_server(fort: &Fort) -> String {
    let server = fort.authority.server(&["pc-1"]).unwrap();
    shows(fort, Some(&server)).await
}

pub(crate) async fn of_no_device(fort: &Fort) -> String {
    let nobody = fort.authority.client("../../etc/passwd", &[]).unwrap();
    shows(fort, Some(&nobody)).await
}

pub(crate) async fn of_a_name_too_long(fort: &Fort) -> String {
    let urn = format!("urn:kbwatch:device:{}", "x".repeat(20_000));
    let nobody = fort.authority.client("pc-1", &[urn]).unwrap();
    shows(fort, Some(&nobody)).await
}

pub(crate) async fn of_a_hundred_kilobytes(fort: &Fort) -> String {
    shows(fort, Some(&fort.foreign.long)).await
}
