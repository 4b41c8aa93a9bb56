//! Bad clients at the counter where devices enrol: strangers, all of them.

use std::time::{Duration, SystemTime};

use kbwatch_proto::enrolment::{Application, EnrolmentClient};
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint};

use crate::device::open;
use crate::gateway::{Fort, PATIENCE};

const DAY: Duration = Duration::from_hours(24);

fn request(key: &KeyPair) -> Vec<u8> {
    let params = CertificateParams::default();
    params.serialize_request(key).unwrap().der().to_vec()
}

fn application(token: &str) -> Application {
    Application {
        token: token.to_owned(),
        request: request(&KeyPair::generate().unwrap()),
        device_id: String::new(),
    }
}

async fn channel(fort: &Fort) -> Channel {
    let endpoint = Endpoint::from_shared(format!("https://{}", fort.enrolment)).unwrap();
    let endpoint = endpoint.tls_config(fort.tls(None)).unwrap();
    endpoint.connect().await.unwrap()
}

/// What it sees.
async fn asks(fort: &Fort, application: Application) -> String {
    match EnrolmentClient::new(channel(fort).await)
        .enrol(application)
        .await
    {
        Ok(answer) => format!("certified {}", answer.into_inner().device_id),
        Err(status) => format!("{:?}", status.code()),
    }
}

async fn closed(mut stream: TcpStream) -> String {
    let mut heard = Vec::new();
    match tokio::time::timeout(PATIENCE, stream.read_to_end(&mut heard)).await {
        Ok(_) => "closed".to_owned(),
        Err(_) => "still open".to_owned(),
    }
}

pub(crate) async fn unknown_token(fort: &Fort) -> String {
    asks(fort, application("00000000000000000000000000000000")).await
}

pub(crate) async fn token_that_is_a_path(fort: &Fort) -> String {
    asks(fort, application("../../ca")).await
}

pub(crate) async fn used_token(fort: &Fort) -> String {
    let token = fort.token("twice", SystemTime::now());
    assert_eq!(asks(fort, application(&token)).await, "certified twice");
    asks(fort, application(&token)).await
}

pub(crate) async fn expired_token(fort: &Fort) -> String {
    let token = fort.token("late", SystemTime::now() - DAY * 2);
    asks(fort, application(&token)).await
}

pub(crate) async fn token_of_another(fort: &Fort) -> String {
    let token = fort.token("robbed", SystemTime::now());
    let robber = Application {
        device_id: "robber".to_owned(),
        ..application(&token)
    };
    asks(fort, robber).await
}

pub(crate) async fn forged_request(fort: &Fort) -> String {
    let mut forged = application(&fort.token("forger", SystemTime::now()));
    *forged.request.last_mut().unwrap() ^= 1;
    asks(fort, forged).await
}

pub(crate) async fn noise_for_a_request(fort: &Fort) -> String {
    let mut noise = application(&fort.token("babbler", SystemTime::now()));
    fastrand::Rng::with_seed(3).fill(&mut noise.request);
    asks(fort, noise).await
}

pub(crate) async fn unusual_key(fort: &Fort) -> String {
    let unusual = Application {
        request: request(&KeyPair::generate_for(&PKCS_ED25519).unwrap()),
        ..application(&fort.token("odd", SystemTime::now()))
    };
    asks(fort, unusual).await
}

pub(crate) async fn application_of_a_megabyte(fort: &Fort) -> String {
    let long = Application {
        request: vec![0x30; 1_000_000],
        ..application("x")
    };
    asks(fort, long).await
}

pub(crate) async fn batches_at_the_counter(fort: &Fort) -> String {
    match open(channel(fort).await).await {
        Ok(_) => "let in".to_owned(),
        Err(status) => format!("{:?}", status.code()),
    }
}

pub(crate) async fn plain_text(fort: &Fort) -> String {
    let mut stream = TcpStream::connect(fort.enrolment).await.unwrap();
    let request = b"POST /enrol HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    closed(stream).await
}

pub(crate) async fn silence(fort: &Fort) -> String {
    closed(TcpStream::connect(fort.enrolment).await.unwrap()).await
}

pub(crate) async fn many_connections(fort: &Fort) -> String {
    let mut held = Vec::new();
    for _ in 0..24 {
        held.push(TcpStream::connect(fort.enrolment).await.unwrap());
    }
    closed(held.pop().unwrap()).await
}

/// The last of all: its address is not listened to for a while.
pub(crate) async fn guesses(fort: &Fort) -> String {
    let mut saw = String::new();
    for guess in 0..20 {
        saw = asks(fort, application(&format!("{guess:032x}"))).await;
    }
    saw
}
