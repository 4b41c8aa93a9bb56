//! `kbwatch-ingest receive | store | migrate | rebuild | check | dead-letters |
//! topics | pki`.

mod certify;
mod check;
mod cli;
mod letters;
mod tables;
mod topics;

use std::error::Error;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use clap::Parser;
use clickhouse::Client;
use kbwatch_ingest::config::{ConfigError, IngestConfig};
use kbwatch_ingest::journal::await_topic;
use kbwatch_ingest::metrics::keep_accounts;
use kbwatch_ingest::receive::{Gate, ReceiveError, check_certificates};
use kbwatch_ingest::status::{self, Readiness, Trouble};
use kbwatch_ingest::store::{self, Feed};
use kbwatch_ingest::trace::export;
use kbwatch_ingest::{Journal, Metrics};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info};
use tracing_subscriber::EnvFilter;

use cli::{Cli, Command, Migrate, Rebuild, Topics};

/// It was only asked whether there is something to do, and there is.
const EXIT_TO_DO: u8 = 2;

/// What `sysexits.h` calls wrong usage.
const EXIT_USAGE: u8 = 64;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(shown) => {
            // Nobody is left to tell when the terminal is gone.
            drop(shown.print());
            return if shown.use_stderr() { EXIT_USAGE } else { 0 }.into();
        }
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is::<tables::ToDo>() => EXIT_TO_DO.into(),
        Err(failure) => {
            error!("{}", told(failure.as_ref()));
            let wrong_config = failure.is::<ConfigError>()
                || matches!(failure.downcast_ref(), Some(ReceiveError::Config(_)));
            if wrong_config {
                EXIT_USAGE.into()
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn run(command: Command) -> Outcome {
    let configured = match command {
        Command::Pki(arguments) => return certify::run(&arguments),
        Command::Receive(ref configured)
        | Command::Store(ref configured)
        | Command::Migrate(Migrate { ref configured, .. })
        | Command::Rebuild(Rebuild { ref configured, .. })
        | Command::Check(ref configured)
        | Command::Topics(Topics::Create(ref configured) | Topics::Describe(ref configured)) => {
            configured
        }
        Command::DeadLetters(ref command) => &letters::arguments(command).configured,
    };
    let config = IngestConfig::load(configured.config.as_deref())?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let (metrics, traces) = export(&config.trace);
        let outcome = match command {
            Command::Receive(_) if config.kafka.is_set() => {
                receive_into_kafka(config, metrics).await
            }
            Command::Receive(_) => receive_and_store(config, metrics).await,
            Command::Store(_) => store_from_kafka(config, metrics).await,
            Command::Check(_) => check::run(&config).await,
            Command::DeadLetters(command) => letters::run(&command, config, on_signal()?).await,
            Command::Topics(command) => topics::run(&command, &config.kafka).await,
            Command::Migrate(asked) => tables::migrate(asked.dry_run, &config).await,
            Command::Rebuild(asked) => tables::rebuild(asked.check, &config).await,
            Command::Pki(_) => Ok(()),
        };
        traces.end().await;
        outcome
    })
}

async fn receive_into_kafka(config: IngestConfig, metrics: Metrics) -> Outcome {
    let mut shutdown = on_signal()?;
    // What waiting does not mend is said first.
    config
        .receive
        .tls
        .as_ref()
        .map_or(Ok(()), check_certificates)?;
    let serves = watch::Sender::new(false);
    let open = Arc::new(OnceLock::<Journal>::new());
    let watched = open.clone();
    let status = Watched {
        serves: serves.subscribe(),
        clickhouse: None,
        trouble: Arc::new(move || watched.get().and_then(Journal::trouble)),
    };
    let status = status.serve(&config, &metrics, &shutdown).await?;
    if !await_topic(&config.kafka, &mut shutdown).await? {
        return ended(status).await;
    }
    // Not earlier: collectors shall find another gateway meanwhile.
    let gate = Gate::open(config.receive.clone()).await?;
    let journal = Journal::kafka(&config.kafka).await?;
    drop(open.set(journal.clone()));
    serves.send_replace(true);
    let accounts = keep_accounts(&config.store, &config.clickhouse.client(), &metrics);
    let received = gate.serve(journal, metrics, shutdown).await;
    accounts.end().await;
    received?;
    ended(status).await
}

async fn store_from_kafka(config: IngestConfig, metrics: Metrics) -> Outcome {
    if !config.kafka.is_set() {
        return Err(Box::new(ConfigError::Impossible {
            key: "kafka.brokers",
            value: "\"\"".to_owned(),
            remedy: "name the brokers; without Kafka, receive stores by itself",
        }));
    }
    let mut shutdown = on_signal()?;
    let client = config.clickhouse.client();
    let serves = watch::Sender::new(false);
    let watched = metrics.clone();
    let status = Watched {
        serves: serves.subscribe(),
        clickhouse: Some(client.clone()),
        trouble: Arc::new(move || watched.store_trouble(true)),
    };
    let status = status.serve(&config, &metrics, &shutdown).await?;
    if !await_topic(&config.kafka, &mut shutdown).await? {
        return ended(status).await;
    }
    serves.send_replace(true);
    let feed = Feed::Kafka(config.kafka);
    store::run(config.store, feed, client, metrics, shutdown).await?;
    ended(status).await
}

async fn receive_and_store(config: IngestConfig, metrics: Metrics) -> Outcome {
    let shutdown = on_signal()?;
    let gate = Gate::open(config.receive.clone()).await?;
    let client = config.clickhouse.client();
    let serves = watch::Sender::new(true);
    let watched = metrics.clone();
    let status = Watched {
        serves: serves.subscribe(),
        clickhouse: Some(client.clone()),
        trouble: Arc::new(move || watched.store_trouble(false)),
    };
    let status = status.serve(&config, &metrics, &shutdown).await?;
    let (journal, entries) = Journal::direct(config.store.queue_batches);
    let feed = Feed::Direct(entries);
    let (own, stop) = (metrics.clone(), shutdown.clone());
    let mut storing = tokio::spawn(store::run(config.store, feed, client, own, stop));
    tokio::select! {
        received = gate.serve(journal, metrics, shutdown) => received?,
        // It lives as long as receive does, unless it broke.
        stored = &mut storing => return Ok(stored??),
    }
    storing.await??;
    ended(status).await
}

/// Asks everything to stop on SIGTERM and Ctrl-C.
fn on_signal() -> Result<watch::Receiver<bool>, std::io::Error> {
    let (stop, shutdown) = watch::channel(false);
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("stopping");
        stop.send_replace(true);
        // Kept until then: without a sender, everything would stop at once.
        stop.closed().await;
    });
    Ok(shutdown)
}

/// What `/ready` looks at, beside the request to stop.
struct Watched {
    serves: watch::Receiver<bool>,
    clickhouse: Option<Client>,
    trouble: Trouble,
}

impl Watched {
    /// Serves metrics and probes where an address for them is set.
    async fn serve(
        self,
        config: &IngestConfig,
        metrics: &Metrics,
        shutdown: &watch::Receiver<bool>,
    ) -> Result<Option<JoinHandle<std::io::Result<()>>>, status::StatusError> {
        let Some(address) = config.status.listen else {
            return Ok(None);
        };
        let readiness = Readiness {
            shutdown: shutdown.clone(),
            serves: self.serves,
            clickhouse: self.clickhouse,
            trouble: self.trouble,
        };
        status::serve(address, metrics, readiness).await.map(Some)
    }
}

async fn ended(status: Option<JoinHandle<std::io::Result<()>>>) -> Outcome {
    match status {
        Some(status) => Ok(status.await??),
        None => Ok(()),
    }
}

/// An error with what lies behind it.
fn told(failure: &(dyn Error + 'static)) -> String {
    let mut text = failure.to_string();
    let mut source = failure.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
