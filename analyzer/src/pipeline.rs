//! One cycle: load → find → judge → tell.

use std::sync::Arc;

use tokio::sync::watch;

use crate::config::AnalyzerConfig;
use crate::load::{LoadError, Reader};
use crate::shared::Shared;
use crate::view::View;

/// A cycle could not be finished; the next one tries again.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzerError {
    /// The database did not answer.
    #[error("could not load")]
    Load(#[from] LoadError),
    /// The web face could not listen: another process has the port, or the
    /// address is not of this machine.
    #[error("could not listen on {listen}")]
    Listen {
        /// Address from the configuration.
        listen: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// What the analyzer knows between cycles.
pub struct Analyzer {
    shared: Arc<Shared>,
    cycle: u64,
}

impl Analyzer {
    /// Opens with an empty memory; the first cycle reads everything.
    ///
    /// `client` speaks to the database that holds the tables of ingest and,
    /// after [`crate::migrate`], of the analyzer.
    pub fn open(_config: AnalyzerConfig, client: clickhouse::Client) -> Self {
        Self {
            shared: Arc::new(Shared::new(Reader::new(client))),
            cycle: 0,
        }
    }

    /// For the web face.
    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Looks once and publishes what it saw.
    pub async fn cycle(&mut self, now_ms: i64) -> Result<Arc<View>, AnalyzerError> {
        self.shared.device("").await?;
        self.cycle += 1;
        let view = Arc::new(View {
            cycle: self.cycle,
            made_at_ms: now_ms,
            ..View::default()
        });
        self.shared.publish(Arc::clone(&view));
        Ok(view)
    }
}

/// Cycles and serves the web face until `shutdown` turns true.
///
/// `listener` is bound by the caller, so that a test may take a free port.
pub async fn run(
    config: AnalyzerConfig,
    client: clickhouse::Client,
    listener: tokio::net::TcpListener,
    mut shutdown: watch::Receiver<bool>,
) -> Result<(), AnalyzerError> {
    let mut analyzer = Analyzer::open(config, client);
    let router = crate::http::router(analyzer.shared());
    analyzer.cycle(0).await?;
    let served = axum::serve(listener, router).with_graceful_shutdown(async move {
        let _closed = shutdown.wait_for(|stop| *stop).await.is_err();
    });
    served.await.map_err(|source| AnalyzerError::Listen {
        listen: String::new(),
        source,
    })
}
