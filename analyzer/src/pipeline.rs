//! One cycle: load → find → judge → tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::board::{Board, Frame, boards, usual_for};
use crate::clusters::{Answers, Around, describe, sight};
use crate::config::AnalyzerConfig;
use crate::find::{Demands, Ending, Signal, find};
use crate::fleet::Fleet;
use crate::judge::Judge;
use crate::kb::KbTable;
use crate::keep::{KeepError, keep};
use crate::ledger::Ledger;
use crate::load::memory::{Declared, read_birth, read_declared, read_memory};
use crate::load::{LoadError, Loader, Reader};
use crate::picture::{KbFailure, failures, fleet_view, kb_status, new_codes, silent};
use crate::releases::{Rollouts, Sea};
use crate::remedy::Depot;
use crate::shared::Shared;
use crate::tell::{
    CodeFacts, CodeMemory, Failure, Moment, Outbox, cause_text, cluster_alert, code_alert,
    learns_until,
};
use crate::view::{Cluster, KbStatus, Life, View};

/// Key in `analyzer_state` that says that a baseline was brought along.
pub(crate) const BASELINE_KEY: &str = "baseline_imported_at";

/// A cycle could not be finished; the next one tries again.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzerError {
    /// The database did not answer.
    #[error("could not load")]
    Load(#[from] LoadError),
    /// What was found could not be kept.
    #[error("could not keep what was found")]
    Keep(#[from] KeepError),
    /// The web face ended.
    #[error("could not serve the web face")]
    Serve(#[source] std::io::Error),
}

/// What the analyzer knows between cycles.
pub struct Analyzer {
    config: AnalyzerConfig,
    client: clickhouse::Client,
    shared: Arc<Shared>,
    cycle: u64,
    loader: Loader,
    fleet: Fleet,
    kbs: KbTable,
    mind: Option<Mind>,
}

/// What survives a restart, read before the first cycle.
struct Mind {
    judge: Judge,
    outbox: Outbox,
    codes: CodeMemory,
    ledger: Ledger,
    rollouts: Rollouts,
    answers: Answers,
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
            config,
            client,
        }
    }

    /// For the web face.
    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Looks once and publishes what it saw.
    pub async fn cycle(&mut self, now_ms: i64) -> Result<Arc<View>, AnalyzerError> {
        let begun = Instant::now();
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
        mind.ledger.keep(&self.client).await?;
        // An alert is sent only once it is kept.
        keep(&self.client, "alerts", mind.outbox.changed()).await?;
        mind.outbox.kept();
        mind.outbox.deliver(now_ms);

        self.cycle += 1;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let view = Arc::new(View {
            cycle: self.cycle,
            took_ms,
            ..view
        });
        tracing::debug!(changed = loaded.changed.len(), took_ms, "cycle done");
        self.shared.note_cycle(&view, loaded.changed.len());
        self.shared.publish(Arc::clone(&view));
        Ok(view)
    }
}

/// Reads what earlier runs kept.
async fn wake(config: &AnalyzerConfig, client: &clickhouse::Client) -> Result<Mind, LoadError> {
    let memory = read_memory(client).await?;
    Ok(Mind {
        ledger: Ledger::remember(&memory),
        judge: Judge::remember(memory.clusters),
        outbox: Outbox::remember(config.webhooks.clone(), memory.alerts),
        codes: CodeMemory::remember(memory.codes),
        rollouts: Rollouts::default(),
        answers: Answers::default(),
    })
}

/// One look at everything that was loaded.
struct Look<'a> {
    config: &'a AnalyzerConfig,
    fleet: &'a Fleet,
    kbs: &'a KbTable,
    declared: &'a Declared,
    birth_ms: Option<i64>,
    data_at_ms: i64,
    now_ms: i64,
}

impl Look<'_> {
    /// Finds, judges, puts alerts into the outbox, and paints the picture.
    fn at_everything(&self, mind: &mut Mind) -> View {
        let rings = mind.rollouts.rings();
        let frame = Frame {
            now_ms: self.now_ms,
            gone_silent_ms: seconds(self.config.gone_silent_s),
            rings: &rings,
        };
        let boards = boards(self.fleet, frame);
        let (kbs, clusters) = self.find_and_judge(&boards, mind);
        let failures = failures(&boards);
        self.tell(&kbs, &clusters, &failures, mind);
        let sea = Sea {
            fleet: self.fleet,
            boards: &boards,
            now_ms: self.now_ms,
            presence_limit_ms: self.presence_limit_ms(),
        };
        let progress = mind.rollouts.progress(&sea);
        mind.ledger.note_rollouts(&progress, self.now_ms);
        mind.ledger
            .note_attempts(&boards, &self.fleet.words, self.now_ms);
        View {
            made_at_ms: self.now_ms,
            data_at_ms: self.data_at_ms,
            fleet: fleet_view(self.fleet, self.now_ms, self.presence_limit_ms()),
            kbs,
            clusters,
            rollouts: progress.into_iter().map(|one| one.status).collect(),
            new_codes: new_codes(mind.codes.alerted(), &failures, self.now_ms),
            silent: silent(self.fleet, self.now_ms, self.presence_limit_ms()),
            ..View::default()
        }
    }

    fn presence_limit_ms(&self) -> i64 {
        seconds(self.config.presence_limit_s)
    }

    /// Tests every KB, earlier ones first: their clusters are no part of what
    /// is usual for later ones.
    fn find_and_judge(
        &self,
        boards: &[Board<'_>],
        mind: &mut Mind,
    ) -> (Vec<KbStatus>, Vec<Cluster>) {
        let demands = Demands {
            alpha: self.config.alpha,
            min_devices: self.config.min_devices,
        };
        let mut kbs = Vec::new();
        let mut clusters = Vec::new();
        for (number, board) in boards.iter().enumerate() {
            let usual = usual_for(boards, number, &mind.judge);
            let signals = find(&board.trials, &usual, demands);
            let found = self.judge_kb(board, &signals, mind);
            let ids = found.iter().map(|cluster| cluster.id.clone()).collect();
            kbs.push(kb_status(board, &usual, ids));
            clusters.extend(found);
        }
        kbs.sort_by(|a, b| {
            let failed = |kb: &KbStatus| std::cmp::Reverse(kb.outcomes.failed);
            (failed(a), &b.kb).cmp(&(failed(b), &a.kb))
        });
        clusters.sort_by_key(|cluster| {
            let closed = cluster.life == Life::Closed;
            (
                closed,
                std::cmp::Reverse(cluster.failed),
                cluster.id.clone(),
            )
        });
        (kbs, clusters)
    }

    fn judge_kb(&self, board: &Board<'_>, signals: &[Signal], mind: &mut Mind) -> Vec<Cluster> {
        let donors = self.donors();
        let depots: Vec<Depot> = self.declared.depots.iter().map(Depot::from).collect();
        let around = Around {
            fleet: self.fleet,
            kbs: self.kbs,
            depots: &depots,
            donors: donors.as_ref(),
            now_ms: self.now_ms,
            presence_limit_ms: self.presence_limit_ms(),
        };
        let mut called: BTreeMap<Ending, bool> = mind.judge.endings(board.kb);
        called.extend(signals.iter().map(|signal| (signal.ending, signal.called)));
        let mut clusters = Vec::new();
        for (ending, called) in called {
            let sight = sight(board, ending, called);
            let Some(row) = mind.judge.judge(&sight, self.now_ms).cloned() else {
                continue;
            };
            let signal = signals.iter().find(|signal| signal.ending == ending);
            let cluster = describe(&row, board, signal, around, &mut mind.answers);
            mind.judge.name_cause(&row.cluster_id, cause_text(&cluster));
            clusters.push(cluster);
        }
        clusters
    }

    /// Host names that may serve as peers; `None`: any may be proposed.
    fn donors(&self) -> Option<BTreeSet<String>> {
        let listed = self.config.donors.iter().map(|name| name.to_lowercase());
        let listed: BTreeSet<String> = listed.collect();
        (!listed.is_empty()).then_some(listed)
    }

    /// Puts alerts on new clusters and new codes into the outbox.
    fn tell(
        &self,
        kbs: &[KbStatus],
        clusters: &[Cluster],
        failures: &[KbFailure<'_>],
        mind: &mut Mind,
    ) {
        let moment = Moment {
            now_ms: self.now_ms,
            data_at_ms: self.data_at_ms,
            public_url: &self.config.public_url,
        };
        for cluster in clusters {
            let returned = mind.judge.returned_at(&cluster.id);
            let alert = cluster_alert(cluster, returned, moment);
            if let Some(alert) = alert {
                mind.outbox.put(&alert, self.now_ms);
            }
        }
        let state = self.declared.state.iter();
        let imported = state.clone().any(|row| row.key == BASELINE_KEY);
        let until = learns_until(self.birth_ms, imported);
        let plain: Vec<Failure> = failures.iter().map(|one| one.failure).collect();
        for sight in mind.codes.look(&plain, until, self.now_ms) {
            let newest = failures
                .iter()
                .filter(|one| one.failure.hresult == sight.hresult)
                .max_by_key(|one| one.failure.at_ms);
            let kb = newest.map_or("", |one| one.kb);
            let status = kbs.iter().find(|status| status.kb == kb);
            let hresult = format!("0x{:08x}", sight.hresult);
            let codes = status.into_iter().flat_map(|status| &status.codes);
            let code = codes.into_iter().find(|code| code.hresult == hresult);
            let facts = CodeFacts {
                kb: kb.to_owned(),
                failed: code.map_or(0, |code| code.devices),
                tried: status.map_or(0, |status| status.outcomes.tried),
            };
            mind.outbox
                .put(&code_alert(&sight, facts, moment), self.now_ms);
        }
    }
}

fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX)
}

/// Cycles and serves the web face until `shutdown` turns true.
///
/// `listener` is bound by the caller, so that a test may take a free port.
pub async fn run(
    config: AnalyzerConfig,
    client: clickhouse::Client,
    listener: tokio::net::TcpListener,
    shutdown: watch::Receiver<bool>,
) -> Result<(), AnalyzerError> {
    let pause = Duration::from_millis(config.cycle_ms);
    let analyzer = Analyzer::open(config, client);
    let router = crate::http::router(analyzer.shared());
    let mut stop = shutdown.clone();
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(async move { drop(stop.wait_for(|stop| *stop).await) });
    let cycles = tokio::spawn(cycles(analyzer, pause, shutdown));
    let outcome = served.await.map_err(AnalyzerError::Serve);
    cycles.abort();
    outcome
}

/// Looks at the fleet over and over; a look that fails is tried again.
async fn cycles(mut analyzer: Analyzer, pause: Duration, mut shutdown: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(pause);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = shutdown.wait_for(|stop| *stop) => return,
        }
        let now_ms = jiff::Timestamp::now().as_millisecond();
        if let Err(error) = analyzer.cycle(now_ms).await {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, source, "could not look at the fleet");
        }
    }
}
