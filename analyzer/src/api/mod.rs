//! The JSON face of the picture, under `/api/v1`.
//!
//! Field names are those of [`crate::view`]; times are milliseconds since 1970
//! UTC. Every answer that is not the thing asked for is
//! `{"error": …, "hint": …}`.

mod devices_csv;
mod problem;
mod summary;

use std::future::ready;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::Shared;
use problem::Problem;
use summary::{ClusterSummary, Overview};

/// Routes under `/api/v1`.
pub fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1/overview", get(overview))
        .route("/api/v1/kbs", get(kbs))
        .route("/api/v1/kbs/{kb}", get(kb))
        .route("/api/v1/clusters", get(clusters))
        .route("/api/v1/clusters/{id}", get(cluster))
        .route("/api/v1/clusters/{id}/devices.csv", get(cluster_devices))
        .route("/api/v1/rollouts", get(rollouts))
        .route("/api/v1/rollouts/{name}", get(rollout))
        .route("/api/v1/silent", get(silent))
        .route("/api/v1/new-codes", get(new_codes))
        .route("/api/v1/sources", get(sources))
        .route("/api/v1/unreadable", get(unreadable))
        .route("/api/v1/devices/{id}", get(device))
        .route("/api/v1/events/{event_id}", get(event))
        .route("/api/v1/{*other}", get(nothing))
        .route("/api/v1", get(nothing))
        .method_not_allowed_fallback(only_get)
        .layer(map_response(|response| ready(plain(response))))
}

/// Never kept by a browser, never taken for something else than it says.
fn plain(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

type Web = State<Arc<Shared>>;
type Answer = Result<Response, Problem>;

async fn overview(State(shared): Web) -> Json<Overview> {
    Json(Overview::of(&shared.view(), crate::dashboard::now_ms()))
}

async fn kbs(State(shared): Web) -> Response {
    Json(&shared.view().kbs).into_response()
}

async fn kb(State(shared): Web, Path(name): Path<String>) -> Answer {
    let view = shared.view();
    let found = view.kbs.iter().find(|kb| kb.kb.eq_ignore_ascii_case(&name));
    let hint = "GET /api/v1/kbs lists the KBs with an attempt in the window";
    found
        .map(|kb| Json(kb).into_response())
        .ok_or(Problem::missing(
            "no attempt of this KB is in the window",
            hint,
        ))
}

async fn clusters(State(shared): Web) -> Response {
    let view = shared.view();
    let summaries: Vec<ClusterSummary<'_>> = view.clusters.iter().map(ClusterSummary::of).collect();
    Json(summaries).into_response()
}

const NO_CLUSTER: Problem = Problem::missing(
    "no cluster has this id",
    "GET /api/v1/clusters lists open and closed clusters",
);

async fn cluster(State(shared): Web, Path(id): Path<String>) -> Answer {
    let view = shared.view();
    let found = view.clusters.iter().find(|cluster| cluster.id == id);
    found
        .map(|cluster| Json(cluster).into_response())
        .ok_or(NO_CLUSTER)
}

async fn cluster_devices(State(shared): Web, Path(id): Path<String>) -> Answer {
    let view = shared.view();
    let found = view.clusters.iter().find(|cluster| cluster.id == id);
    found.map(devices_csv::response).ok_or(NO_CLUSTER)
}

async fn rollouts(State(shared): Web) -> Response {
    Json(&shared.view().rollouts).into_response()
}

async fn rollout(State(shared): Web, Path(name): Path<String>) -> Answer {
    let view = shared.view();
    let found = view.rollouts.iter().find(|rollout| rollout.name == name);
    let hint = "GET /api/v1/rollouts lists the rollouts";
    found
        .map(|rollout| Json(rollout).into_response())
        .ok_or(Problem::missing("no rollout has this name", hint))
}

async fn silent(State(shared): Web) -> Response {
    Json(&shared.view().silent).into_response()
}

async fn new_codes(State(shared): Web) -> Response {
    Json(&shared.view().new_codes).into_response()
}

async fn sources(State(shared): Web) -> Response {
    Json(&shared.view().sources).into_response()
}

async fn unreadable(State(shared): Web) -> Response {
    Json(&shared.view().unreadable).into_response()
}

async fn device(State(shared): Web, Path(id): Path<String>) -> Answer {
    let hint = "ids are those of the devices' certificates, in lower case";
    shared
        .device(&id)
        .await?
        .map(|device| Json(device).into_response())
        .ok_or(Problem::missing("nothing is known of this device", hint))
}

/// Whose record it is: the records of a device lie together.
#[derive(serde::Deserialize)]
struct OfDevice {
    device: Option<String>,
}

async fn event(
    State(shared): Web,
    Path(event_id): Path<String>,
    Query(of): Query<OfDevice>,
) -> Answer {
    let device = of.device.ok_or(Problem::wrong(
        "it is not said whose event it is",
        "add ?device= and the id of the device",
    ))?;
    let events = shared.events(&device, &[event_id]).await?;
    let hint = "events are kept for 400 days unless configured otherwise";
    events
        .first()
        .map(|event| Json(event).into_response())
        .ok_or(Problem::missing(
            "this device has no event of this id",
            hint,
        ))
}

async fn nothing() -> Problem {
    Problem::missing(
        "there is no such address",
        "begin with /api/v1/overview; others are kbs, clusters, rollouts, silent, new-codes, sources, unreadable, devices/{id}, events/{id}",
    )
}

async fn only_get() -> Problem {
    Problem::method("only GET is served here", "the API changes nothing")
}
