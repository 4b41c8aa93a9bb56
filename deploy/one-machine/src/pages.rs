//! Everything that people see, on one address: the analyzer's pages and API,
//! the page for dropped logs, and the metrics of all stages.

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use kbwatch_analyzer::{Shared, api, dashboard};
use kbwatch_ingest::{Journal, Metrics};
use prometheus_client::registry::Registry;

use crate::drop;

/// Mark at the end of an `OpenMetrics` text; it may stand there once.
const END: &str = "# EOF";

/// All routes.
pub(crate) fn router(shared: &Arc<Shared>, metrics: &Metrics, journal: Journal) -> Router {
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    let registry = Arc::new(registry);
    let analyzer = Arc::clone(shared);
    let all_metrics = get(move || {
        let text = metrics_text(&registry, &analyzer);
        async move { text }
    });
    let pages = Router::new()
        .merge(dashboard::router())
        .merge(api::router())
        .with_state(Arc::clone(shared))
        .route("/metrics", all_metrics)
        .merge(drop::inlet::router(journal, metrics.clone()));
    dashboard::with_drop(pages, drop::page::reading(Arc::clone(shared)))
}

fn metrics_text(registry: &Registry, analyzer: &Shared) -> impl IntoResponse + use<> {
    let mut ingest = String::new();
    if let Err(error) = prometheus_client::encoding::text::encode(&mut ingest, registry) {
        tracing::warn!(%error, "could not write the metrics");
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    (
        [(CONTENT_TYPE, kind)],
        joined(&ingest, &analyzer.metrics_text()),
    )
}

fn joined(first: &str, second: &str) -> String {
    let body = first.trim_end().trim_end_matches(END);
    format!("{body}{second}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_metrics_end_once() {
        let text = joined("a 1\n# EOF\n", "b 2\n# EOF\n");
        assert_eq!(text, "a 1\nb 2\n# EOF\n");
    }
}
