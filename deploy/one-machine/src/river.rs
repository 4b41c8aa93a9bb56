//! All stages in one process, in the order in which data flows.
//!
//! Stopping follows the flow: the gateway takes no more, what it took is
//! stored and receipted, then the pages close and the database goes last.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kbwatch_analyzer::view::View;
use kbwatch_analyzer::{Analyzer, AnalyzerConfig, AnalyzerError, Claim, Shared};
use kbwatch_clickhouse_engine::{Connection, DataFolder, Engine, EngineConfig};
use kbwatch_ingest::pki::Authority;
use kbwatch_ingest::receive::Gate;
use kbwatch_ingest::store::Feed;
use kbwatch_ingest::{Journal, Metrics};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::config::RiverConfig;
use crate::failure::RiverError;
use crate::pki;
use crate::reach::Reach;
use crate::stage::{Stages, chain};

/// Layout of the data folder that this code writes.
const LAYOUT: &str = "kbwatch data 1";

/// How long a start waits for the process before it to leave the folder.
const FOLDER_PATIENCE: Duration = Duration::from_secs(5);

/// A running river.
pub struct River {
    stages: Stages,
    shared: Arc<Shared>,
    metrics: Metrics,
    connection: Connection,
    engine: Option<Engine>,
    gateway: SocketAddr,
    http: SocketAddr,
    authority: Authority,
    grace: Duration,
    // Taken away before another may start.
    _reach: Reach,
    // Last: gives the folder back when everything else is gone.
    _folder: DataFolder,
}

impl River {
    /// Starts every stage over this data folder and returns once collectors
    /// and people can connect.
    pub async fn start(config: &RiverConfig, data: &Path) -> Result<Self, RiverError> {
        config.check()?;
        let folder = DataFolder::claim(data, LAYOUT, FOLDER_PATIENCE)?;
        let certificates = pki::folder(data);
        let authority = pki::prepare(&certificates, &config.hosts)?;
        // Addresses are taken before the database starts: a taken one is told
        // at once.
        let gate = Gate::open(config.receive_with_tls(&certificates)).await?;
        let (listener, http) = listen(config.http).await?;
        let (engine, connection) = database(config, data).await?;
        migrate(&connection).await?;
        // A server that was named may have another river's analyzer already.
        let own = data.join("analyzer");
        let claim = Claim::take(&own, &connection.client(), config.take_over).await?;
        let reach = Reach::open(data, &connection).map_err(|source| RiverError::Database {
            attempted: "write its address into the data folder",
            source: source.into(),
        })?;
        let gateway = gate.address();
        let metrics = Metrics::default();
        // In the order in which data flows backwards: each stage finds the one
        // that it hands on to. They stop the other way round, so that nothing
        // comes in that would be left behind.
        let mut stages = Stages::new();
        let shared = start_analyzer(&mut stages, config, (&connection, claim), http);
        let journal = start_store(&mut stages, config, &connection, &metrics).await?;
        start_pages(&mut stages, listener, &shared, &metrics, journal.clone());
        stages.start("receive", {
            let metrics = metrics.clone();
            move |stop| gate.serve(journal, metrics, stop)
        });
        Ok(Self {
            stages,
            shared,
            metrics,
            connection,
            engine,
            gateway,
            http,
            authority,
            grace: Duration::from_secs(config.grace_s),
            _reach: reach,
            _folder: folder,
        })
    }

    /// Where collectors connect.
    pub fn gateway(&self) -> SocketAddr {
        self.gateway
    }

    /// Where the pages are.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// The newest picture of the fleet.
    pub fn view(&self) -> Arc<View> {
        self.shared.view()
    }

    /// What pages and imports go through.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// What came in, what went out, and every reason in between.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// How to ask the database.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Process id of our own database server.
    pub fn engine_pid(&self) -> Option<u32> {
        self.engine.as_ref().map(Engine::pid)
    }

    /// Issues certificates that the gateway trusts.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Waits until a stage ends that nobody asked to end.
    pub async fn failed(&mut self) -> RiverError {
        let (stage, ended) = self.stages.first_end().await;
        RiverError::Stage {
            stage,
            why: ended.err().unwrap_or_else(|| "it ended".to_owned()),
        }
    }

    /// Stops at the source, drains, and takes the database down last.
    pub async fn stop(self) -> Result<(), RiverError> {
        let stopped = self.stages.stop(self.grace).await;
        if let Some(engine) = self.engine {
            engine.stop().await?;
        }
        stopped
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), RiverError> {
    let failed = |source| RiverError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// The server that is named, or one of our own.
async fn database(
    config: &RiverConfig,
    data: &Path,
) -> Result<(Option<Engine>, Connection), RiverError> {
    if let Some(connection) = config.connection()? {
        return Ok((None, connection));
    }
    let engine = Engine::start(EngineConfig {
        memory_mb: config.clickhouse.memory_mb,
        ..EngineConfig::new(data.join("clickhouse"))
    })
    .await?;
    let connection = engine.connection().clone();
    tracing::info!(url = %connection.url, pid = engine.pid(), "started ClickHouse");
    Ok((Some(engine), connection))
}

async fn migrate(connection: &Connection) -> Result<(), RiverError> {
    let failed = |attempted| {
        move |source: Box<dyn std::error::Error + Send + Sync>| RiverError::Database {
            attempted,
            source,
        }
    };
    connection
        .create_database()
        .await
        .map_err(|error| failed("create the database")(error.into()))?;
    let client = connection.client();
    kbwatch_ingest::migrate(&client)
        .await
        .map_err(|error| failed("prepare the tables of ingest")(error.into()))?;
    kbwatch_analyzer::migrate(&client)
        .await
        .map_err(|error| failed("prepare the tables of the analyzer")(error.into()))
}

/// Puts the store behind a journal, in memory or in Kafka.
async fn start_store(
    stages: &mut Stages,
    config: &RiverConfig,
    connection: &Connection,
    metrics: &Metrics,
) -> Result<Journal, RiverError> {
    let (journal, feed) = if config.kafka.is_set() {
        let journal = Journal::kafka(&config.kafka).await?;
        (journal, Feed::Kafka(config.kafka.clone()))
    } else {
        let (journal, entries) = Journal::direct(config.store.queue_batches);
        (journal, Feed::Direct(entries))
    };
    let client = connection.client();
    let (settings, metrics) = (config.store.clone(), metrics.clone());
    stages.start("store", move |stop| {
        kbwatch_ingest::store::run(settings, feed, client, metrics, stop)
    });
    Ok(journal)
}

fn start_analyzer(
    stages: &mut Stages,
    config: &RiverConfig,
    (connection, claim): (&Connection, Claim),
    http: SocketAddr,
) -> Arc<Shared> {
    let mut settings = config.analyzer.clone();
    if settings.public_url == AnalyzerConfig::default().public_url {
        settings.public_url = format!("http://{http}");
    }
    let pause = Duration::from_millis(settings.cycle_ms);
    let analyzer = Analyzer::open(settings, connection.client()).holding(claim);
    let shared = analyzer.shared();
    stages.start("analyzer", move |stop| look_again(analyzer, pause, stop));
    shared
}

/// Looks at the fleet over and over; a look that fails is tried again.
async fn look_again(
    mut analyzer: Analyzer,
    pause: Duration,
    mut stop: watch::Receiver<bool>,
) -> Result<(), AnalyzerError> {
    let mut ticks = tokio::time::interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
        let now_ms = jiff::Timestamp::now().as_millisecond();
        if let Err(error) = analyzer.cycle(now_ms).await {
            if matches!(error, AnalyzerError::TakenOver(_)) {
                return Err(error);
            }
            tracing::warn!(error = chain(&error), "could not look at the fleet");
        }
    }
}

fn start_pages(
    stages: &mut Stages,
    listener: TcpListener,
    shared: &Arc<Shared>,
    metrics: &Metrics,
    journal: Journal,
) {
    let pages = crate::pages::router(shared, metrics, journal);
    stages.start("pages", move |mut stop| {
        let service = pages.into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service)
            .with_graceful_shutdown(async move { drop(stop.wait_for(|stop| *stop).await) })
            .into_future()
    });
}
