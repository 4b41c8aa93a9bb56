//! The JSON face of the picture, under `/api/v1`.
//!
//! Field names are those of [`crate::view`]; times are milliseconds since 1970
//! UTC. Every answer that is not the thing asked for is
//! `{"error": …, "hint": …}`.

mod changes;
mod csv;
mod devices_csv;
mod problem;
mod readiness_csv;
mod summary;

use std::future::ready;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::Shared;
use crate::load::{MAX_TRACED, TracedDevice};
use crate::view::{RolloutStatus, View};
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
        .route("/api/v1/clusters/{id}/tried", get(cluster_tried))
        .route("/api/v1/clusters/{id}/waiting", get(cluster_waiting))
        .route("/api/v1/rollouts", get(rollouts))
        .route("/api/v1/rollouts/{name}", get(rollout))
        .route("/api/v1/rollouts/{name}/imports", get(imports))
        .route("/api/v1/rollouts/{name}/verdicts", get(verdicts))
        .route(
            "/api/v1/rollouts/{name}/decisions",
            get(verdicts).post(changes::decide),
        )
        .route(
            "/api/v1/rollouts/{name}/exceptions",
            get(exceptions).post(changes::excuse),
        )
        .route("/api/v1/windows", get(windows))
        .route("/api/v1/readiness", get(readiness))
        .route("/api/v1/readiness.csv", get(readiness_file))
        .route("/api/v1/silent", get(silent))
        .route("/api/v1/new-codes", get(new_codes))
        .route("/api/v1/sources", get(sources))
        .route("/api/v1/unreadable", get(unreadable))
        .route("/api/v1/devices/{id}", get(device))
        .route("/api/v1/events/{event_id}", get(event))
        .route("/api/v1/{*other}", get(nothing))
        .route("/api/v1", get(nothing))
        .method_not_allowed_fallback(only_get)
        .layer(DefaultBodyLimit::max(changes::MAX_LEN))
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

/// From which device on.
#[derive(serde::Deserialize)]
struct After {
    #[serde(default)]
    after: String,
}

/// Every device that a cluster counts, with what its figures are made of.
async fn cluster_tried(
    State(shared): Web,
    Path(id): Path<String>,
    Query(from): Query<After>,
) -> Answer {
    let view = shared.view();
    let found = view.clusters.iter().find(|cluster| cluster.id == id);
    let cluster = found.ok_or(NO_CLUSTER)?;
    let devices = shared.traced(cluster, &from.after).await?;
    let whole = devices.len() < MAX_TRACED;
    let next = devices.last().map(|last| last.device_id.clone());
    Ok(Json(Tried {
        next: next.filter(|_| !whole),
        devices,
    })
    .into_response())
}

/// Devices that share the leading cause, whether they have tried or not.
async fn cluster_waiting(State(shared): Web, Path(id): Path<String>) -> Answer {
    let view = shared.view();
    let found = view.clusters.iter().find(|cluster| cluster.id == id);
    let cluster = found.ok_or(NO_CLUSTER)?;
    Ok(Json(shared.waiting(cluster).await?).into_response())
}

/// A page of devices.
#[derive(serde::Serialize)]
struct Tried {
    /// To be asked for with `?after=`; `null` at the end.
    next: Option<String>,
    devices: Vec<TracedDevice>,
}

const NO_ROLLOUT: Problem = Problem::missing(
    "no rollout has this name",
    "GET /api/v1/rollouts lists the rollouts",
);

/// What `part` says of the rollout of that name.
fn of_rollout<'v, T>(
    view: &'v View,
    name: &str,
    part: impl Fn(&'v RolloutStatus) -> &'v T,
) -> Answer
where
    T: serde::Serialize + ?Sized + 'v,
{
    let found = view.rollouts.iter().find(|rollout| rollout.name == name);
    found
        .map(|rollout| Json(part(rollout)).into_response())
        .ok_or(NO_ROLLOUT)
}

async fn rollout(State(shared): Web, Path(name): Path<String>) -> Answer {
    of_rollout(&shared.view(), &name, |rollout| rollout)
}

/// Verdicts as they were given, and decisions, ring by ring.
async fn verdicts(State(shared): Web, Path(name): Path<String>) -> Answer {
    of_rollout(&shared.view(), &name, |rollout| &rollout.verdicts)
}

async fn exceptions(State(shared): Web, Path(name): Path<String>) -> Answer {
    of_rollout(&shared.view(), &name, |rollout| &rollout.exceptions)
}

async fn imports(State(shared): Web, Path(name): Path<String>) -> Answer {
    Ok(Json(shared.imports(&name).await?).into_response())
}

async fn windows(State(shared): Web) -> Response {
    Json(&shared.view().windows).into_response()
}

async fn readiness(State(shared): Web) -> Response {
    Json(&shared.view().readiness).into_response()
}

async fn readiness_file(State(shared): Web) -> Response {
    readiness_csv::response(&shared.view().readiness)
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
        "begin with /api/v1/overview; others are kbs, clusters, rollouts, windows, readiness, silent, new-codes, sources, unreadable, devices/{id}, events/{id}",
    )
}

async fn only_get() -> Problem {
    Problem::method(
        "this address is only read",
        "decisions and exceptions of a rollout alone are posted",
    )
}
