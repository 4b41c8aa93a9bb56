//! Whether a certificate is given, and for what.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use kbwatch_proto::enrolment::{Application, Certificate, Enrolment};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tonic::{Request, Response, Status};
use tracing::{error, info};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::Metrics;
use crate::config::EnrolmentConfig;
use crate::metrics::Outcome;
use crate::pki::{Authority, Certified, PkiError, RequestError, Requested, TokenError, Tokens};
use crate::receive::audit::Audit;
use crate::receive::rate::{Bucket, Rate, Rates};

/// One try, as buckets count it: in thousandths, since few leak out a second.
const TRY: u64 = 1_000;

/// Tries in vain from one address: ten at once, then one every six seconds.
const IN_VAIN: Rate = Rate {
    per_s: 167,
    room: 10 * TRY,
};

/// Tries of everybody: each may cost a signature and writes to disk. A fleet of
/// 20,000 is through in seven minutes.
const ALL: Rate = Rate {
    per_s: 50 * TRY,
    room: 200 * TRY,
};

/// What signs, and for whom.
pub(super) struct Desk {
    authority: Authority,
    /// Authorities that devices have to show beside their own certificate, PEM.
    between: String,
    tokens: Tokens,
    valid: Duration,
}

/// A desk that is open.
pub(super) struct Staffed {
    desk: Arc<Desk>,
    audit: Audit,
    metrics: Metrics,
    in_vain: Rates,
    all: Bucket,
}

/// Why nothing is certified.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("too many tries: come again in {} s", .0.as_secs() + 1)]
    TooOften(Duration),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl Refusal {
    /// The word under which it is counted.
    fn reason(&self) -> &'static str {
        match self {
            Self::TooOften(_) => "enrol_too_often",
            Self::Request(RequestError::Unreadable) => "enrol_no_request",
            Self::Request(RequestError::NotSigned) => "enrol_forged_request",
            Self::Request(RequestError::Key) => "enrol_weak_key",
            Self::Token(TokenError::Unknown) => "enrol_unknown_token",
            Self::Token(TokenError::Used) => "enrol_used_token",
            Self::Token(TokenError::Expired) => "enrol_expired_token",
            Self::Token(TokenError::OtherDevice { .. }) => "enrol_other_device",
            Self::Token(TokenError::Failed(_)) => "enrol_failed",
        }
    }

    fn status(&self) -> Status {
        let said = self.to_string();
        match self {
            Self::TooOften(_) => Status::resource_exhausted(said),
            Self::Request(_) => Status::invalid_argument(said),
            // Paths of this machine are nobody's business.
            Self::Token(TokenError::Failed(_)) => {
                Status::unavailable("the gateway could not make a certificate; its log says why")
            }
            Self::Token(_) => Status::permission_denied(said),
        }
    }
}

impl Desk {
    pub(super) fn open(config: &EnrolmentConfig) -> Result<Self, PkiError> {
        let authority = Authority::load(&config.authority)?;
        Ok(Self {
            between: between(authority.cert_pem()),
            authority,
            tokens: Tokens::open(&config.authority)?,
            valid: Duration::from_hours(24 * u64::from(config.valid_days)),
        })
    }

    /// Certificates as a device has them that enrolled, its own first.
    pub(super) fn sample(&self) -> Result<Vec<CertificateDer<'static>>, PkiError> {
        let own = self.authority.sample()?;
        let chain = own + self.authority.cert_pem();
        // What is no certificate vouches for nobody.
        let found = CertificateDer::pem_slice_iter(chain.as_bytes());
        Ok(found.filter_map(Result::ok).collect())
    }

    pub(super) fn staffed(self, audit: Audit, metrics: Metrics) -> Staffed {
        Staffed {
            desk: Arc::new(self),
            audit,
            metrics,
            in_vain: Rates::new(IN_VAIN),
            all: Bucket::new(Instant::now(), ALL),
        }
    }

    /// Blocks until the token is used up on disk.
    fn certify(&self, application: &Application) -> Result<Certified, Refusal> {
        let requested = Requested::read(&application.request)?;
        let now = SystemTime::now();
        let brought = (application.token.as_str(), application.device_id.as_str());
        let certified = self
            .tokens
            .use_up(brought, requested.fingerprint(), now, |grant| {
                self.authority.certify(grant, &requested, now, self.valid)
            })?;
        Ok(certified)
    }
}

impl Staffed {
    async fn serve(
        &self,
        application: Application,
        peer: Option<SocketAddr>,
    ) -> Result<Certified, Refusal> {
        let now = Instant::now();
        let address = peer.map(|peer| peer.ip().to_string()).unwrap_or_default();
        let own = self.in_vain.bucket(now, &address, 1);
        // Counted before it is looked at: many at once are many.
        own.pour(now, TRY).map_err(Refusal::TooOften)?;
        self.all.pour(now, TRY).map_err(|wait| {
            own.take_back(TRY);
            Refusal::TooOften(wait)
        })?;
        let desk = self.desk.clone();
        let certifying = tokio::task::spawn_blocking(move || desk.certify(&application));
        let certified = certifying.await.unwrap_or_else(|error| {
            let broke = std::io::Error::other(error);
            let failed = PkiError::Keep {
                path: "tokens".into(),
                source: broke,
            };
            Err(TokenError::Failed(failed).into())
        })?;
        own.take_back(TRY);
        Ok(certified)
    }

    fn refused(&self, refusal: &Refusal, peer: Option<SocketAddr>) -> Status {
        if let Refusal::Token(TokenError::Failed(failed)) = refusal {
            let failed = chain(failed);
            error!(failed, "a certificate could not be made");
        }
        let why: &dyn Display = refusal;
        self.audit.denied(refusal.reason(), peer, why);
        refusal.status()
    }

    fn told(&self, certified: &Certified, peer: Option<SocketAddr>) {
        let outcome = if certified.again { "again" } else { "done" };
        let device_id = &certified.grant.device_id;
        let peer = peer.map(tracing::field::display);
        info!(device_id, peer, outcome, "enrolled a device");
        let enrolled = &self.metrics.enrolled;
        enrolled.get_or_create(&Outcome { outcome }).inc();
    }
}

#[tonic::async_trait]
impl Enrolment for Staffed {
    async fn enrol(&self, request: Request<Application>) -> Result<Response<Certificate>, Status> {
        let peer = request.extensions().get::<SocketAddr>().copied();
        match self.serve(request.into_inner(), peer).await {
            Ok(certified) => {
                self.told(&certified, peer);
                Ok(Response::new(Certificate {
                    certificate_pem: certified.certificate + &self.desk.between,
                    authority_pem: self.desk.authority.cert_pem().to_owned(),
                    device_id: certified.grant.device_id,
                }))
            }
            Err(refusal) => Err(self.refused(&refusal, peer)),
        }
    }
}

/// Those certificates of a PEM text that another authority signed.
fn between(text: &str) -> String {
    let signed = |block: &&str| {
        let der = CertificateDer::from_pem_slice(block.as_bytes()).ok();
        der.is_some_and(|der| {
            let parsed = X509Certificate::from_der(&der);
            parsed.is_ok_and(|(_, found)| found.subject() != found.issuer())
        })
    };
    text.split_inclusive("-----END CERTIFICATE-----\n")
        .filter(signed)
        .collect()
}

/// An error with what lies behind it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
