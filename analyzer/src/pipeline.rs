//! One cycle: load → find → judge → tell.

use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::claim::{Claim, Owner};
use crate::clusters::Answers;
use crate::config::AnalyzerConfig;
use crate::fleet::Fleet;
use crate::judge::Judge;
use crate::kb::KbTable;
use crate::keep::{KeepError, keep};
use crate::ledger::Ledger;
use crate::load::memory::{Memory, read_birth, read_declared, read_memory};
use crate::load::{LoadError, Loader, Reader, read_understood, read_unreadable};
use crate::look::Look;
use crate::releases::{Rollouts, VerdictBook};
use crate::shared::Shared;
use crate::tell::{CodeMemory, Outbox};
use crate::view::{SourceHealth, UnreadableLog, View};

/// Key in `analyzer_state` that says that a baseline was brought along.
pub(crate) const BASELINE_KEY: &str = "baseline_imported_at";

/// Milliseconds between two sums of what collectors understood.
const SOURCES_MS: i64 = 20_000;

/// A cycle could not be finished; the next one tries again.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzerError {
    /// The database did not answer.
    #[error("could not load")]
    Load(#[from] LoadError),
    /// What was found could not be kept.
    #[error("could not keep what was found")]
    Keep(#[from] KeepError),
    /// The database belongs to another analyzer now: stop.
    #[error(
        "the analyzer with the folder {} on {:?} took the database over",
        .0.folder.display(), .0.host
    )]
    TakenOver(Owner),
    /// The web face ended: stop.
    #[error("could not serve the web face")]
    Serve(#[source] std::io::Error),
    /// The cycles ended for good: stop, rather than show an old picture.
    #[error("the cycles died")]
    Cycles(#[source] tokio::task::JoinError),
}

/// What the analyzer knows between cycles.
pub struct Analyzer {
    config: AnalyzerConfig,
    client: clickhouse::Client,
    claim: Option<Claim>,
    shared: Arc<Shared>,
    cycle: u64,
    loader: Loader,
    fleet: Fleet,
    kbs: KbTable,
    mind: Option<Mind>,
    sources: Vec<SourceHealth>,
    /// Logs that devices cannot read, and how many devices these are.
    unreadable: (Vec<UnreadableLog>, u64),
    /// When the lines by source were summed up, if they were.
    sources_at_ms: Option<i64>,
}

/// What survives a restart, read before the first cycle.
pub(crate) struct Mind {
    pub(crate) judge: Judge,
    pub(crate) outbox: Outbox,
    pub(crate) codes: CodeMemory,
    pub(crate) ledger: Ledger,
    pub(crate) rollouts: Rollouts,
    pub(crate) verdicts: VerdictBook,
    pub(crate) answers: Answers,
}

impl Mind {
    /// Goes on from what earlier runs kept.
    pub(crate) fn remember(config: &AnalyzerConfig, memory: Memory) -> Self {
        Self {
            ledger: Ledger::remember(&memory),
            judge: Judge::remember(memory.clusters),
            outbox: Outbox::remember(config.webhooks.clone(), memory.alerts),
            codes: CodeMemory::remember(memory.codes),
            rollouts: Rollouts::default(),
            verdicts: VerdictBook::remember(memory.verdicts),
            answers: Answers::default(),
        }
    }
}

impl Analyzer {
    /// Opens with an empty memory; the first cycle reads everything.
    ///
    /// `client` speaks to the database that holds the tables of ingest and,
    /// after [`crate::migrate`], of the analyzer.
    pub fn open(config: AnalyzerConfig, client: clickhouse::Client) -> Self {
        let overlap_ms = i64::try_from(config.overlap_s * 1_000).unwrap_or(i64::MAX);
        let ignored = config.ignored_kbs.iter().cloned().collect();
        Self {
            shared: Arc::new(Shared::new(Reader::new(client.clone()))),
            cycle: 0,
            loader: Loader::new(client.clone(), overlap_ms, config.window_days, ignored),
            fleet: Fleet::default(),
            kbs: KbTable::shipped(),
            mind: None,
            sources: Vec::new(),
            unreadable: (Vec::new(), 0),
            sources_at_ms: None,
            config,
            client,
            claim: None,
        }
    }

    /// Looks for as long as the database belongs to this one.
    #[must_use]
    pub fn holding(mut self, claim: Claim) -> Self {
        self.claim = Some(claim);
        self
    }

    /// For the web face.
    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Looks once and publishes what it saw.
    pub async fn cycle(&mut self, now_ms: i64) -> Result<Arc<View>, AnalyzerError> {
        let begun = Instant::now();
        self.sum_up_sources(now_ms).await;
        if self.mind.is_none() {
            self.mind = Some(wake(&self.config, &self.client).await?);
        }
        let Some(mind) = self.mind.as_mut() else {
            // Just made.
            return Ok(self.shared.view());
        };
        let fleet = &mut self.fleet;
        let loaded = self.loader.load(fleet, &mut self.kbs, now_ms).await?;
        let declared = read_declared(&self.client).await?;
        if let Some(other) = self.claim.as_ref().and_then(|c| c.lost(&declared.state)) {
            return Err(AnalyzerError::TakenOver(other));
        }
        let birth_ms = read_birth(&self.client).await?;
        mind.rollouts.refresh(&self.client, &declared).await?;
        mind.codes.take_over(&declared.known_codes);

        let look = Look {
            config: &self.config,
            fleet: &self.fleet,
            kbs: &self.kbs,
            declared: &declared,
            birth_ms,
            data_at_ms: loaded.data_at_ms,
            now_ms,
        };
        let view = look.at_everything(mind);
        mind.ledger.note_clusters(&mind.judge);
        mind.ledger.note_codes(&mind.codes);
        // Alerts before the ledger, which says that they were raised: after a
        // stop between the two they are raised again under the same ids. An
        // alert is sent only once both are kept.
        keep(&self.client, "alerts", mind.outbox.changed()).await?;
        mind.outbox.kept();
        mind.ledger.keep(&self.client).await?;
        // Before anybody sees them: what was shown as given stays given.
        mind.verdicts.keep(&self.client).await?;
        mind.outbox.deliver(now_ms);

        self.cycle += 1;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let view = Arc::new(View {
            cycle: self.cycle,
            took_ms,
            sources: self.sources.clone(),
            unreadable: self.unreadable.0.clone(),
            devices_unreadable: self.unreadable.1,
            ..view
        });
        tracing::debug!(changed = loaded.changed.len(), took_ms, "cycle done");
        self.shared.note_cycle(&view, loaded.changed.len());
        self.shared.publish(Arc::clone(&view));
        Ok(view)
    }

    /// Heartbeats are minutes apart, so these sums need not be newer. Without
    /// them the picture is still worth making.
    async fn sum_up_sources(&mut self, now_ms: i64) {
        let fresh = |at_ms: i64| (0..SOURCES_MS).contains(&(now_ms - at_ms));
        if self.sources_at_ms.is_some_and(fresh) {
            return;
        }
        self.sources_at_ms = Some(now_ms);
        let summed = async {
            let sources = read_understood(&self.client, now_ms).await?;
            Ok::<_, LoadError>((sources, read_unreadable(&self.client, now_ms).await?))
        };
        match summed.await {
            Ok(summed) => (self.sources, self.unreadable) = summed,
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, source, "health of the data is as old as before");
            }
        }
    }
}

/// Reads what earlier runs kept.
async fn wake(config: &AnalyzerConfig, client: &clickhouse::Client) -> Result<Mind, LoadError> {
    let memory = read_memory(client).await?;
    Ok(Mind::remember(config, memory))
}

/// Cycles and serves the web face until `shutdown` turns true.
///
/// `listener` is bound by the caller, so that a test may take a free port.
pub async fn run(
    analyzer: Analyzer,
    listener: tokio::net::TcpListener,
    shutdown: watch::Receiver<bool>,
) -> Result<(), AnalyzerError> {
    let pause = Duration::from_millis(analyzer.config.cycle_ms);
    let router = crate::http::router(analyzer.shared());
    let mut stop = shutdown.clone();
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(async move { drop(stop.wait_for(|stop| *stop).await) });
    let cycles = tokio::spawn(cycles(analyzer, pause, shutdown));
    watch_both(served.into_future(), cycles).await
}

/// Serves until the end, and no longer than the cycles live: a face without
/// them would go on showing its last picture.
async fn watch_both(
    served: impl Future<Output = std::io::Result<()>>,
    mut cycles: JoinHandle<Result<(), AnalyzerError>>,
) -> Result<(), AnalyzerError> {
    let mut served = std::pin::pin!(served);
    tokio::select! {
        outcome = &mut served => {
            cycles.abort();
            return outcome.map_err(AnalyzerError::Serve);
        }
        ended = &mut cycles => match ended {
            Ok(ended) => ended?,
            Err(died) => {
                tracing::error!(error = %died, "the cycles died");
                return Err(AnalyzerError::Cycles(died));
            }
        },
    }
    // The cycles ended because they were asked to, and so will the web face.
    served.await.map_err(AnalyzerError::Serve)
}

/// Looks at the fleet over and over; a look that fails is tried again.
async fn cycles(
    mut analyzer: Analyzer,
    pause: Duration,
    mut shutdown: watch::Receiver<bool>,
) -> Result<(), AnalyzerError> {
    let mut ticks = tokio::time::interval(pause);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = shutdown.wait_for(|stop| *stop) => return Ok(()),
        }
        let now_ms = jiff::Timestamp::now().as_millisecond();
        if let Err(error) = analyzer.cycle(now_ms).await {
            if matches!(error, AnalyzerError::TakenOver(_)) {
                return Err(error);
            }
            let source = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, source, "could not look at the fleet");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cycle_that_panics_ends_the_process_with_an_error() {
        let dying = tokio::spawn(async { panic!("on purpose") });
        let outcome = watch_both(std::future::pending(), dying).await;
        assert!(matches!(outcome, Err(AnalyzerError::Cycles(died)) if died.is_panic()));
    }

    #[tokio::test]
    async fn cycles_that_end_as_asked_leave_the_end_to_the_web_face() {
        let ended = tokio::spawn(async { Ok(()) });
        let outcome = watch_both(async { Ok(()) }, ended).await;
        assert!(outcome.is_ok());
    }
}
