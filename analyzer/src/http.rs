//! The web face: pages at `/`, the API under `/api/v1`, `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::{Shared, api, dashboard};

/// All routes, ready to serve.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .merge(dashboard::router())
        .merge(api::router())
        .route("/metrics", get(metrics))
        .with_state(shared)
}

async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], shared.metrics_text())
}
