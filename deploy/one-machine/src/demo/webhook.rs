//! The demonstration's own receiver of alerts: checks every signature and
//! counts distinct alerts.
//!
//! It turns every alert away once before it takes it, as a receiver that is
//! just being restarted would: delivery at least once, under a stable id, is
//! part of what the demonstration shows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use kbwatch_proto::hex;
use serde::Deserialize;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The part of an alert that the checks read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Alert {
    /// Stable across deliveries.
    #[serde(rename = "alert_id")]
    pub(crate) id: String,
    /// `new_cluster`, `new_code` …
    pub(crate) kind: String,
    /// Transition that it tells.
    #[serde(default)]
    pub(crate) state: String,
    /// KB.
    #[serde(default)]
    pub(crate) kb: String,
    /// Final code.
    #[serde(default)]
    pub(crate) hresult: String,
}

/// Everything that came in so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mailbox {
    /// By id: the alert as it came first.
    pub(crate) alerts: BTreeMap<String, Alert>,
    /// Deliveries that were taken.
    pub(crate) taken: u64,
    /// Deliveries whose signature did not hold, or that were no alert.
    pub(crate) forged: u64,
    turned_away: BTreeSet<String>,
}

/// A receiver that listens.
pub(crate) struct WebhookReceiver {
    address: SocketAddr,
    mailbox: Arc<Mutex<Mailbox>>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Door {
    secret: String,
    mailbox: Arc<Mutex<Mailbox>>,
}

impl WebhookReceiver {
    /// Listens on a free loopback port.
    pub(crate) async fn start(secret: &str) -> std::io::Result<Self> {
        let mailbox = Arc::new(Mutex::new(Mailbox::default()));
        let door = Door {
            secret: secret.to_owned(),
            mailbox: Arc::clone(&mailbox),
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new().route("/", post(take)).with_state(door);
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the webhook receiver stopped");
            }
        });
        Ok(Self {
            address,
            mailbox,
            task,
        })
    }

    /// Where alerts go.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// What came in so far.
    pub(crate) fn mailbox(&self) -> Mailbox {
        self.mailbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for WebhookReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut mailbox = door.mailbox.lock().unwrap_or_else(PoisonError::into_inner);
    let alert = serde_json::from_slice::<Alert>(&body);
    let (true, Ok(alert)) = (is_signed(&door.secret, &headers, &body), alert) else {
        mailbox.forged += 1;
        return StatusCode::UNAUTHORIZED;
    };
    if mailbox.turned_away.insert(alert.id.clone()) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    mailbox.taken += 1;
    mailbox.alerts.entry(alert.id.clone()).or_insert(alert);
    StatusCode::NO_CONTENT
}

fn is_signed(secret: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let Some(stated) = headers
        .get("x-kbwatch-signature")
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let stated = stated.strip_prefix("sha256=").unwrap_or(stated);
    let Some(stated) = hex::decode(stated) else {
        return false;
    };
    Hmac::<Sha256>::new_from_slice(secret.as_bytes()).is_ok_and(|mut mac| {
        mac.update(body);
        mac.verify_slice(&stated).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(secret: &str, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(body);
        let digits = mac.finalize().into_bytes();
        let digits = digits.iter().map(|byte| format!("{byte:02x}"));
        digits.collect()
    }

    async fn post(url: &str, body: &str, signature: &str) -> u16 {
        let (url, body, signature) = (url.to_owned(), body.to_owned(), signature.to_owned());
        tokio::task::spawn_blocking(move || {
            ureq::post(&url)
                .config()
                .http_status_as_error(false)
                .build()
                .header("X-Kbwatch-Signature", &signature)
                .send(&body)
                .unwrap()
                .status()
                .as_u16()
        })
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn an_alert_is_turned_away_once_then_counted_once_however_often_it_comes() {
        let receiver = WebhookReceiver::start("s3cret").await.unwrap();
        let body = r#"{"alert_id":"a1","kind":"new_cluster","kb":"KB5022286"}"#;
        let signed = signature("s3cret", body.as_bytes());
        for expected in [503, 204, 204] {
            assert_eq!(post(&receiver.url(), body, &signed).await, expected);
        }
        let mailbox = receiver.mailbox();
        assert_eq!((mailbox.alerts.len(), mailbox.taken), (1, 2));
    }

    #[tokio::test]
    async fn a_wrong_signature_is_no_alert() {
        let receiver = WebhookReceiver::start("s3cret").await.unwrap();
        let body = r#"{"alert_id":"a1","kind":"new_cluster"}"#;
        let signed = signature("other", body.as_bytes());
        assert_eq!(post(&receiver.url(), body, &signed).await, 401);
        let mailbox = receiver.mailbox();
        assert_eq!((mailbox.alerts.len(), mailbox.forged), (0, 1));
    }
}
