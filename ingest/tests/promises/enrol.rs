//! How a device comes by its certificate: a token is good once, and for nobody
//! else.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use kbwatch_ingest::config::{EnrolmentConfig, ReceiveConfig};
use kbwatch_ingest::pki::{Authority, CertifiedKey, Tokens};
use kbwatch_proto::enrolment::{Application, Certificate, EnrolmentClient};
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519, SanType};
use tonic::transport::{Certificate as Trusted, ClientTlsConfig, Endpoint};
use tonic::{Code, Status};

use crate::device::batch;
use crate::gateway::{River, fresh_database};
use crate::hearing::audited;

const DAY: Duration = Duration::from_hours(24);

/// A gateway at which devices enrol.
pub(crate) async fn start() -> River {
    let receive = ReceiveConfig {
        enrolment: Some(EnrolmentConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            authority: "replaced".into(),
            valid_days: 1,
        }),
        ..ReceiveConfig::default()
    };
    let engine = fresh_database().await;
    let client = engine.client();
    River::start_on(engine, client, receive).await
}

pub(crate) fn token(folder: &Path, device: &str) -> String {
    let now = SystemTime::now();
    let tokens = Tokens::open(folder).unwrap();
    tokens.give_out(device, None, now, DAY).unwrap()
}

/// A device that makes its key itself.
struct Newcomer {
    key: KeyPair,
    application: Application,
}

impl Newcomer {
    fn with(token: &str) -> Self {
        Self::of(token, KeyPair::generate().unwrap())
    }

    fn of(token: &str, key: KeyPair) -> Self {
        let mut params = CertificateParams::default();
        // Whoever it says it is.
        let boss = "urn:kbwatch:role:importer".try_into().unwrap();
        params.subject_alt_names = vec![SanType::URI(boss)];
        let request = params.serialize_request(&key).unwrap().der().to_vec();
        let application = Application {
            token: token.to_owned(),
            request,
            device_id: String::new(),
        };
        Self { key, application }
    }

    async fn ask(&self, river: &River) -> Result<Certificate, Status> {
        ask(river, self.application.clone()).await
    }

    fn certified(&self, answer: Certificate) -> CertifiedKey {
        CertifiedKey {
            cert_pem: answer.certificate_pem,
            key_pem: self.key.serialize_pem(),
        }
    }
}

async fn ask(river: &River, application: Application) -> Result<Certificate, Status> {
    ask_trusting(river, river.trust(), application).await
}

async fn ask_trusting(
    river: &River,
    trust: ClientTlsConfig,
    application: Application,
) -> Result<Certificate, Status> {
    let address = format!("https://{}", river.enrolment.unwrap());
    let endpoint = Endpoint::from_shared(address).unwrap();
    let channel = endpoint.tls_config(trust).unwrap().connect().await;
    let channel = channel.map_err(|error| Status::aborted(error.to_string()))?;
    let answer = EnrolmentClient::new(channel).enrol(application).await?;
    Ok(answer.into_inner())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_enrols_with_a_token_and_speaks_as_whom_the_token_names() {
    let river = start().await;
    let token = token(river.files.path(), "PC-1");
    let newcomer = Newcomer::with(&token);
    let answer = newcomer.ask(&river).await.unwrap();
    assert_eq!(answer.device_id, "pc-1");
    assert_eq!(answer.authority_pem, river.authority.cert_pem());
    assert_eq!(river.metrics.enrolled("done"), 1);
    let own = newcomer.certified(answer);
    let mut stream = river.with_certificate(&own).await.unwrap();
    stream.deliver(batch(1, 0, 3)).await;
    let stored = river.text("SELECT any(device_id) FROM v_update_events");
    assert_eq!(stored.await, "pc-1");
    // It asked to be an importer, and is none.
    let imported = kbwatch_proto::telemetry::Batch {
        on_behalf_of: "pc-9".to_owned(),
        ..batch(2, 0, 1)
    };
    stream.send(imported).await;
    let refused = stream.receipt().await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_used_once_and_a_lost_answer_is_given_again_to_its_key() {
    let river = start().await;
    let token = token(river.files.path(), "pc-1");
    let newcomer = Newcomer::with(&token);
    let first = newcomer.ask(&river).await.unwrap();
    let thief = Newcomer::with(&token);
    let refused = thief.ask(&river).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(river.metrics.denied("enrol_used_token"), 1);
    assert!(audited(&["enrol_used_token", "127.0.0.1"]));
    assert!(!audited(&[&token]), "never in clear");
    let again = newcomer.ask(&river).await.unwrap();
    assert_eq!(again.certificate_pem, first.certificate_pem);
    assert_eq!(river.metrics.enrolled("again"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_come_with_one_token_at_once_one_is_certified() {
    let river = start().await;
    for round in 0..5 {
        let token = token(river.files.path(), &format!("pc-{round}"));
        let [one, other] = [Newcomer::with(&token), Newcomer::with(&token)];
        let (one, other) = tokio::join!(one.ask(&river), other.ask(&river));
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    }
    assert_eq!(river.metrics.enrolled("done"), 5);
    assert_eq!(river.metrics.denied("enrol_used_token"), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_over_or_nobodys_or_anothers_is_refused_and_audited() {
    let river = start().await;
    let folder = river.files.path();
    let tokens = Tokens::open(folder).unwrap();
    let yesterday = SystemTime::now() - DAY;
    let hour = Duration::from_hours(1);
    let over = tokens.give_out("late", None, yesterday, hour).unwrap();
    let refused = Newcomer::with(&over).ask(&river).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(audited(&["enrol_expired_token", "127.0.0.1"]));
    let refused = Newcomer::with("guessed").ask(&river).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(audited(&["enrol_unknown_token", "127.0.0.1"]));

    let token = token(folder, "pc-1");
    let newcomer = Newcomer::with(&token);
    let stated = Application {
        device_id: "pc-2".to_owned(),
        ..newcomer.application.clone()
    };
    let refused = ask(&river, stated).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(audited(&["enrol_other_device", "pc-2"]));
    assert!(newcomer.ask(&river).await.is_ok(), "it was not used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_request_is_refused_and_leaves_the_token_good() {
    let river = start().await;
    let token = token(river.files.path(), "pc-1");
    let newcomer = Newcomer::with(&token);
    let mut forged = newcomer.application.clone();
    *forged.request.last_mut().unwrap() ^= 1;
    let weak = Newcomer::of(&token, KeyPair::generate_for(&PKCS_ED25519).unwrap());
    let none = Application {
        request: b"hello".to_vec(),
        ..newcomer.application.clone()
    };
    for (application, reason) in [
        (forged, "enrol_forged_request"),
        (weak.application, "enrol_weak_key"),
        (none, "enrol_no_request"),
    ] {
        let refused = ask(&river, application).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(river.metrics.denied(reason), 1);
    }
    assert!(newcomer.ask(&river).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_is_told_to_wait() {
    let river = start().await;
    let mut codes = Vec::new();
    for guess in 0..12 {
        let guess = Newcomer::with(&format!("{guess:032x}"));
        codes.push(guess.ask(&river).await.unwrap_err().code());
    }
    assert_eq!(codes[..10], [Code::PermissionDenied; 10]);
    assert_eq!(codes[11], Code::ResourceExhausted);
    assert!(river.metrics.denied("enrol_too_often") >= 1);
    assert!(audited(&["enrol_too_often", "127.0.0.1"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_does_not_tell_its_token_to_a_gateway_that_it_cannot_trust() {
    let river = start().await;
    let token = token(river.files.path(), "pc-1");
    let newcomer = Newcomer::with(&token);
    let foreign = Authority::create("foreign").unwrap();
    let trust = ClientTlsConfig::new()
        .ca_certificate(Trusted::from_pem(foreign.cert_pem()))
        .domain_name("localhost");
    let refused = ask_trusting(&river, trust, newcomer.application.clone()).await;
    assert_eq!(refused.unwrap_err().code(), Code::Aborted);
    assert!(newcomer.ask(&river).await.is_ok(), "it was never seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_counter_for_enrolment_nothing_else_is_taken() {
    let river = start().await;
    let address = format!("https://{}", river.enrolment.unwrap());
    let endpoint = Endpoint::from_shared(address).unwrap();
    let channel = endpoint.tls_config(river.trust()).unwrap().connect().await;
    let refused = crate::device::open(channel.unwrap()).await.err().unwrap();
    assert_eq!(refused.code(), Code::Unimplemented);
    assert_eq!(river.metrics.receive_batches().received, 0);
}
