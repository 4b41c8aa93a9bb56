//! /metrics, /live and /ready for machines that watch this process.
//!
//! Plain HTTP on loopback: numbers only, no device and no log text.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use clickhouse::Client;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Metrics;

/// Patience with ClickHouse when readiness is asked for.
const PING: Duration = Duration::from_secs(2);

/// A status page that cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("serve metrics on {address}")]
pub struct StatusError {
    address: SocketAddr,
    source: std::io::Error,
}

/// What /ready looks at.
#[derive(Clone)]
pub struct Readiness {
    /// Asked to stop: not ready any more, so that balancers look elsewhere.
    pub shutdown: watch::Receiver<bool>,
    /// Whether this process is at its work; until then it waits for Kafka.
    pub serves: watch::Receiver<bool>,
    /// The database that this process needs, if it needs one.
    pub clickhouse: Option<Client>,
    /// What this process knows to be in its way, if anything.
    pub trouble: Trouble,
}

/// Says what is in the way of a process at this moment, as a line.
pub type Trouble = Arc<dyn Fn() -> Option<&'static str> + Send + Sync>;

#[derive(Clone)]
struct Page {
    registry: Arc<Registry>,
    readiness: Readiness,
}

/// The three pages.
pub fn router(metrics: &Metrics, readiness: Readiness) -> Router {
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    let page = Page {
        registry: Arc::new(registry),
        readiness,
    };
    Router::new()
        .route("/metrics", get(metrics_page))
        .route("/live", get(async || "live\n"))
        .route("/ready", get(ready_page))
        .with_state(page)
}

/// Takes the address and serves the pages in a task that ends at shutdown.
///
/// # Errors
/// The address is taken.
pub async fn serve(
    address: SocketAddr,
    metrics: &Metrics,
    readiness: Readiness,
) -> Result<JoinHandle<std::io::Result<()>>, StatusError> {
    let failed = |source| StatusError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let mut shutdown = readiness.shutdown.clone();
    let serving =
        axum::serve(listener, router(metrics, readiness)).with_graceful_shutdown(async move {
            // An error means that nobody can ask to stop any more.
            drop(shutdown.wait_for(|stop| *stop).await);
        });
    Ok(tokio::spawn(serving.into_future()))
}

async fn metrics_page(State(page): State<Page>) -> impl IntoResponse {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &page.registry) {
        Ok(()) => (
            [(
                header::CONTENT_TYPE,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            )],
            text,
        )
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn ready_page(State(page): State<Page>) -> (StatusCode, &'static str) {
    if *page.readiness.shutdown.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    if !*page.readiness.serves.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "waiting for Kafka\n");
    }
    if let Some(trouble) = (page.readiness.trouble)() {
        return (StatusCode::SERVICE_UNAVAILABLE, trouble);
    }
    let Some(client) = page.readiness.clickhouse else {
        return (StatusCode::OK, "ready\n");
    };
    let answer = tokio::time::timeout(PING, client.query("SELECT 1").fetch_one::<u8>()).await;
    match answer {
        Ok(Ok(_)) => (StatusCode::OK, "ready\n"),
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            "ClickHouse does not answer\n",
        ),
    }
}
