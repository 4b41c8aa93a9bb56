//! What people tell the analyzer through the API: decisions and exceptions.
//!
//! From this machine only, for nothing else says who asks; a proxy that knows
//! its users may stand in between. A browser never gets in: it cannot send this
//! content type to another site without asking first, and is not answered.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, FromRequest, Path, Request, State};
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::Shared;
use crate::dashboard::now_ms;
use crate::releases::{DecisionRefused, Excuse, ExcuseRefused, ExcusedDevice, RingDecision};

/// Longest body.
pub(super) const MAX_LEN: usize = 4 * 1024 * 1024;

const KIND: &str = "application/json";

/// A body that somebody on this machine sent.
pub(super) struct Told<T>(T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Told<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map(|ConnectInfo(peer)| *peer);
        if !may_tell(peer, request.headers()) {
            return Err(Problem::forbidden(
                "from this machine only, as application/json and from no browser",
                "use kbwatch rollout decide or excuse, or ask on the machine of the analyzer",
            ));
        }
        let body = Bytes::from_request(request, state).await;
        let told = body
            .ok()
            .and_then(|body| serde_json::from_slice(&body).ok());
        told.map(Self).ok_or(Problem::wrong(
            "the body is not what is expected here",
            "decisions: {ring, decision, who, why}; exceptions: a list of {device, owner, reason, until}",
        ))
    }
}

fn may_tell(peer: Option<SocketAddr>, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    // A name that a stranger's DNS points here is not this machine's.
    let host = text(HOST).unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let kind = text(CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    peer.is_some_and(|peer| peer.ip().is_loopback())
        && matches!(host, "127.0.0.1" | "localhost" | "[::1]")
        && kind.eq_ignore_ascii_case(KIND)
        && headers.get(ORIGIN).is_none()
}

/// A decision as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decided {
    ring: String,
    decision: String,
    who: String,
    why: String,
}

/// Records a decision on a ring beside the verdict that stands.
pub(super) async fn decide(
    State(shared): State<Arc<Shared>>,
    Path(rollout): Path<String>,
    Told(decided): Told<Decided>,
) -> Result<Response, Problem> {
    let decision = RingDecision {
        rollout,
        ring: decided.ring,
        decision: decided.decision,
        who: decided.who,
        why: decided.why,
        via: "api",
    };
    match shared.record_decision(&decision, now_ms()).await {
        Ok(recorded) => Ok((StatusCode::CREATED, Json(recorded)).into_response()),
        Err(error @ (DecisionRefused::Wrong { .. } | DecisionRefused::Unknown { .. })) => {
            let hint = "ring, decision (go, stop, hold), who and why";
            Err(Problem::refused(error.to_string(), hint))
        }
        Err(error @ (DecisionRefused::Load(_) | DecisionRefused::Keep(_))) => {
            Err(Problem::away(&error))
        }
    }
}

/// A device to excuse as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToExcuse {
    device: String,
    owner: String,
    reason: String,
    until: String,
}

/// Excuses devices until a date.
pub(super) async fn excuse(
    State(shared): State<Arc<Shared>>,
    Path(rollout): Path<String>,
    Told(devices): Told<Vec<ToExcuse>>,
) -> Result<Response, Problem> {
    let devices = devices.into_iter().map(|one| ExcusedDevice {
        device: one.device,
        owner: one.owner,
        reason: one.reason,
        until: one.until,
    });
    let order = Excuse {
        rollout,
        devices: devices.collect(),
    };
    match shared.excuse(&order, now_ms()).await {
        Ok(done) => Ok((StatusCode::CREATED, Json(done)).into_response()),
        Err(error @ (ExcuseRefused::Load(_) | ExcuseRefused::Keep(_))) => {
            Err(Problem::away(&error))
        }
        Err(error) => {
            let hint = "a list of {device, owner, reason, until}";
            Err(Problem::refused(error.to_string(), hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &str, kind: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        headers
    }

    #[test]
    fn only_this_machine_tells_and_no_browser() {
        let here = Some(SocketAddr::from(([127, 0, 0, 1], 9)));
        let sound = headers("127.0.0.1:8080", "application/json; charset=utf-8");
        assert!(may_tell(here, &sound));
        assert!(!may_tell(None, &sound));
        assert!(!may_tell(Some(([10, 0, 0, 1], 9).into()), &sound));
        assert!(!may_tell(here, &headers("evil.example:8080", KIND)));
        assert!(!may_tell(here, &headers("127.0.0.1", "text/plain")));
        let mut browser = sound;
        browser.insert(ORIGIN, "http://evil.example".parse().unwrap());
        assert!(!may_tell(here, &browser));
    }
}
