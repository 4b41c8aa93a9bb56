//! Where a river takes the sealed batches of `kbwatch drop`.
//!
//! Loopback only, for no certificate says whose logs they are; and only under
//! names that no certified device has. A browser never gets in: it cannot send
//! this content type to another site without asking first, and is not answered.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kbwatch_ingest::Journal;
use kbwatch_ingest::Metrics;
use kbwatch_ingest::journal::AppendError;
use kbwatch_ingest::metrics::Answer;
use kbwatch_ingest::receive::check_envelope;
use kbwatch_proto::batch::MAX_PAYLOAD_LEN;
use kbwatch_proto::journal::{JournalRecord, Role, VERSION};
use kbwatch_proto::telemetry::Batch;
use prost::Message;

use super::DEVICE_PREFIX;

/// Path of the inlet.
pub(crate) const PATH: &str = "/drop/batch";

const KIND: &str = "application/x-protobuf";

#[derive(Clone)]
struct Inlet {
    journal: Journal,
    metrics: Metrics,
}

/// The route; serve it with connect info.
pub(crate) fn router(journal: Journal, metrics: Metrics) -> Router {
    Router::new()
        .route(PATH, get(|| async { StatusCode::NO_CONTENT }).post(take))
        .layer(DefaultBodyLimit::max(MAX_PAYLOAD_LEN + 16 * 1024))
        .with_state(Inlet { journal, metrics })
}

async fn take(
    State(inlet): State<Inlet>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !may_enter(peer, &headers) {
        return (StatusCode::FORBIDDEN, "from this machine only").into_response();
    }
    let Ok(batch) = Batch::decode(body) else {
        return (StatusCode::BAD_REQUEST, "not a sealed batch").into_response();
    };
    let device_id = batch.declared_device.clone();
    if !is_dropped_device(&device_id) {
        return (StatusCode::FORBIDDEN, "not the name of a dropped log").into_response();
    }
    if let Err(refusal) = check_envelope(&batch) {
        return (StatusCode::BAD_REQUEST, refusal.to_string()).into_response();
    }
    let counted = inlet.metrics.batch_received(batch.payload.len());
    let record = JournalRecord {
        version: VERSION,
        batch: Some(batch),
        device_id,
        role: Role::Device.into(),
        received_at_ms: jiff::Timestamp::now().as_millisecond(),
        peer: peer.to_string(),
        ..JournalRecord::default()
    };
    match inlet.journal.append(record).await {
        Ok(()) => {
            counted.answered(Answer::Durable);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => {
            counted.answered(Answer::Retry);
            unavailable(&error)
        }
    }
}

fn unavailable(error: &AppendError) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response()
}

fn may_enter(peer: SocketAddr, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    // A name that a stranger's DNS points here is not this machine's.
    let host = text(HOST).unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    peer.ip().is_loopback()
        && matches!(host, "127.0.0.1" | "localhost" | "[::1]")
        && text(CONTENT_TYPE) == Some(KIND)
        && headers.get(ORIGIN).is_none()
}

fn is_dropped_device(device_id: &str) -> bool {
    device_id.strip_prefix(DEVICE_PREFIX).is_some_and(|rest| {
        !rest.is_empty()
            && rest.len() <= 64
            && rest
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        headers.insert(CONTENT_TYPE, KIND.parse().unwrap());
        headers
    }

    #[test]
    fn a_dropped_log_cannot_speak_for_a_device() {
        assert!(is_dropped_device("dropped-pc-7"));
        for id in ["pc-7", "dropped-", "dropped-<b>", "Dropped-pc"] {
            assert!(!is_dropped_device(id), "{id}");
        }
    }

    #[test]
    fn only_this_machine_enters_and_no_browser() {
        let here = SocketAddr::from(([127, 0, 0, 1], 9));
        assert!(may_enter(here, &headers("127.0.0.1:8080")));
        assert!(!may_enter(here, &headers("evil.example:8080")));
        assert!(!may_enter(([10, 0, 0, 1], 9).into(), &headers("127.0.0.1")));
        let mut browser = headers("127.0.0.1");
        browser.insert(ORIGIN, "http://evil.example".parse().unwrap());
        assert!(!may_enter(here, &browser));
    }
}
