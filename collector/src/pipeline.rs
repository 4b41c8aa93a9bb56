//! The collector: watch → parse → pack → outbox, and back: receipt → remember.
//!
//! Synchronous, without a clock, a thread or a socket of its own: whoever owns
//! a [`Collector`] says what time it is, takes the batches that
//! [`Collector::next_batch`] offers to the gateway, and brings back the
//! receipts. Thousands fit into one process.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use kbwatch_proto::batch::{self, Contents};
use kbwatch_proto::event::{FactsSnapshot, Health};

use crate::config::{CollectorConfig, ConfigError, SourcesConfig};
use crate::identity::{self, IdentityError};
use crate::outbox::Outbox;
use crate::pack::Packer;
use crate::parse::{FileKind, ParseCounts};
use crate::refused::RefusedFolder;
use crate::remember::Notebook;
use crate::standing::{Counts, Pending, Stepped};
use crate::watch::facts::FactsSource;
use crate::watch::source::{Archives, Moment, READ_BUDGET, Source, SourcePlan};

mod answers;

const DAY_MS: i64 = 24 * 3_600_000;
const YEAR_MS: i64 = 365 * DAY_MS;

/// A collector that cannot start; a person must act.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Nobody says who this device is.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// No place for the checkpoint.
    #[error("create state folder {path}: name a writable one as state_dir", path = path.display())]
    StateDir {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Follows the logs of one device.
#[derive(Debug)]
pub struct Collector {
    config: CollectorConfig,
    device_id: Arc<str>,
    packer: Packer,
    started_at_ms: Option<i64>,
    /// Whether the last step looked at the logs: a full outbox prevents it.
    looked: bool,
    sources: Vec<Source>,
    facts: FactsSource,
    snapshot: FactsSnapshot,
    facts_hash: u64,
    facts_due: bool,
    outbox: Outbox,
    /// When the oldest event that is in no batch was read.
    open_since_ms: Option<i64>,
    heartbeat_at_ms: i64,
    notebook: Notebook,
    memory_moved: bool,
    saved_at_ms: i64,
    refused: RefusedFolder,
    counts: Counts,
}

impl Collector {
    /// Prepares a collector; no log is opened before the first step.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(config: CollectorConfig) -> Result<Self, OpenError> {
        config.check()?;
        let device_id: Arc<str> = identity::device_id(&config)?.into();
        fs::create_dir_all(&config.state_dir).map_err(|source| OpenError::StateDir {
            path: config.state_dir.clone(),
            source,
        })?;
        let notebook = Notebook::new(&config.state_dir, &device_id);
        let mut memory = notebook.load();
        let sources = plan_sources(&config.sources)
            .into_iter()
            .map(|plan| {
                let files = memory.take_files(plan.name);
                Source::new(plan, Arc::clone(&device_id), files)
            })
            .collect();
        Ok(Self {
            packer: Packer::new(&config, &device_id),
            device_id,
            started_at_ms: None,
            looked: false,
            sources,
            facts: FactsSource::new(config.facts_file.clone()),
            snapshot: FactsSnapshot {
                revision: memory.facts_revision,
                ..FactsSnapshot::default()
            },
            facts_hash: memory.facts_hash,
            facts_due: false,
            outbox: Outbox::new(config.outbox_max_batches, config.in_flight_batches),
            open_since_ms: None,
            heartbeat_at_ms: 0,
            notebook,
            memory_moved: false,
            saved_at_ms: 0,
            refused: RefusedFolder::new(&config.state_dir, config.refused_max_bytes),
            counts: Counts::default(),
            config,
        })
    }

    /// Who this device is.
    pub fn device_id(&self) -> &str {
        &self.device_id
    }

    /// Looks at everything once: reads what is new, within a bound, and seals
    /// what is due. `now_ms` is milliseconds since 1970 UTC. Costs one metadata
    /// call per source while nothing changes.
    pub fn step(&mut self, now_ms: i64) -> Stepped {
        self.advance(now_ms, false)
    }

    /// A step that takes the logs as they are for final: open records are
    /// closed and everything is sealed without waiting. Repeat while
    /// [`Stepped::more`].
    pub fn finish(&mut self, now_ms: i64) -> Stepped {
        self.advance(now_ms, true)
    }

    fn advance(&mut self, now_ms: i64, last_look: bool) -> Stepped {
        let sealed_before = self.counts.sealed_batches;
        let mut stepped = Stepped::default();
        if self.started_at_ms.is_none() {
            self.started_at_ms = Some(now_ms);
            self.heartbeat_at_ms = now_ms;
            self.saved_at_ms = now_ms;
        }
        self.look_at_facts(now_ms);
        self.report_health(now_ms);
        self.looked = !self.outbox.is_full();
        if self.looked {
            self.look_at_logs(now_ms, last_look, &mut stepped);
            self.seal_if_due(now_ms, last_look);
        }
        // With a full outbox there is nothing to do before a receipt comes.
        stepped.more &= !self.outbox.is_full();
        self.save_if_due(now_ms);
        stepped.sealed_batches = self.counts.sealed_batches - sealed_before;
        stepped
    }

    fn look_at_facts(&mut self, now_ms: i64) {
        let Some(facts) = self.facts.look() else {
            return;
        };
        let hash = hash_facts(&facts);
        let first_look = self.snapshot.observed_at_ms == 0;
        if hash == self.facts_hash && !first_look {
            return;
        }
        if hash != self.facts_hash || self.snapshot.revision == 0 {
            // By the clock, so that it still grows when the memory was lost.
            let by_clock = u64::try_from(now_ms).unwrap_or(0);
            self.snapshot.revision = by_clock.max(self.snapshot.revision + 1);
            self.memory_moved = true;
        }
        self.facts_hash = hash;
        self.snapshot.facts = facts;
        self.snapshot.observed_at_ms = now_ms;
        self.facts_due = true;
    }

    /// Seals a heartbeat when one is due, and new facts at once.
    fn report_health(&mut self, now_ms: i64) {
        let period_ms = i64::from(self.config.heartbeat_s) * 1_000;
        // A clock that was set back must not silence the device.
        let due = now_ms >= self.heartbeat_at_ms || self.heartbeat_at_ms - now_ms > 2 * period_ms;
        if !(due || self.facts_due) || self.outbox.is_full() {
            return;
        }
        if due {
            let jitter = period_ms / 10;
            self.heartbeat_at_ms = now_ms + period_ms + fastrand::i64(-jitter..=jitter);
            self.facts.ask_again();
        }
        let facts = std::mem::take(&mut self.facts_due).then(|| self.snapshot.clone());
        let contents = Contents {
            events: Vec::new(),
            facts,
            health: Some(self.health()),
        };
        self.seal(contents);
    }

    fn health(&self) -> Health {
        let counts = self.counts();
        Health {
            started_at_ms: self.started_at_ms.unwrap_or_default(),
            lag_bytes: self.sources.iter().map(Source::lag_bytes).sum(),
            unsent_events: self.open_events() + self.outbox.events(),
            spool_bytes: 0,
            refused_batches: counts.refused_batches,
            skipped_lines: counts.cut_lines + counts.skipped_events,
            dropped_events: counts.dropped_events,
        }
    }

    fn look_at_logs(&mut self, now_ms: i64, last_look: bool, stepped: &mut Stepped) {
        let moment = Moment {
            now_ms,
            oldest_ms: self.oldest_ms(now_ms),
            budget: READ_BUDGET,
            last_look,
        };
        for source in &mut self.sources {
            let looked = source.look(moment);
            stepped.read_bytes += looked.read_bytes;
            stepped.more |= looked.more;
        }
        self.counts.read_bytes += stepped.read_bytes;
    }

    /// Before this, history is left out. A clock that runs a year ahead of
    /// every log is not believed: it would make all of them too old.
    fn oldest_ms(&self, now_ms: i64) -> i64 {
        let written = self.sources.iter().filter_map(Source::modified_ms).max();
        let today_ms = match written {
            Some(written_ms) if now_ms.saturating_sub(written_ms) > YEAR_MS => written_ms,
            _ => now_ms,
        };
        today_ms.saturating_sub(i64::from(self.config.history_days) * DAY_MS)
    }

    fn seal_if_due(&mut self, now_ms: i64, at_once: bool) {
        let open = self.open_events();
        if open > 0 {
            let since_ms = *self.open_since_ms.get_or_insert(now_ms);
            let age_ms = now_ms.saturating_sub(since_ms);
            let aged = !(0..i64::from(self.config.batch_max_age_ms)).contains(&age_ms);
            let full = open >= u64::from(self.config.batch_max_events);
            if !(aged || full || at_once) {
                return;
            }
            self.seal_events(now_ms);
        }
        self.open_since_ms = None;
        let seq = self.outbox.last_seq();
        for source in &mut self.sources {
            source.mark(seq);
        }
        self.advance_memory();
    }

    /// Puts every open event into batches.
    fn seal_events(&mut self, now_ms: i64) {
        let oldest_ms = self.oldest_ms(now_ms);
        let mut events = Vec::new();
        for source in &mut self.sources {
            source.take_events(oldest_ms, &mut events);
        }
        self.packer.date(&mut events, now_ms);
        self.counts.read_events += events.len() as u64;
        for contents in self.packer.split(events) {
            self.seal(contents);
        }
    }

    fn seal(&mut self, contents: Contents) {
        let packed = self.packer.pack(contents, self.snapshot.revision);
        self.counts.dropped_events += packed.dropped_events;
        self.counts.sealed_batches += packed.batches.len() as u64;
        for batch in packed.batches {
            self.outbox.push(batch);
        }
    }

    /// Seals the events that wait for company, without reading on.
    pub fn flush(&mut self, now_ms: i64) {
        if !self.outbox.is_full() {
            self.seal_if_due(now_ms, true);
        }
    }

    fn open_events(&self) -> u64 {
        let open = self.sources.iter().map(Source::open_events);
        open.sum::<usize>() as u64
    }

    /// What is still to be done; idle when everything is read and receipted.
    pub fn pending(&self) -> Pending {
        let unsettled = |source: &Source| !source.is_settled() || !source.is_answered();
        Pending {
            lag_bytes: self.sources.iter().map(Source::lag_bytes).sum(),
            open_events: self.open_events(),
            unreceipted_batches: self.outbox.len() as u64,
            unsettled: !self.looked || self.facts_due || self.sources.iter().any(unsettled),
        }
    }

    /// What was done since opening.
    pub fn counts(&self) -> Counts {
        let mut counts = self.counts;
        for source in &self.sources {
            let parsed = source.counts();
            counts.cut_lines += parsed.cut_lines;
            counts.lines += parsed.lines;
            counts.skipped_files += source.skipped_files();
            counts.skipped_events += source.skipped_events();
            counts.read_events += source.skipped_events();
        }
        counts
    }

    /// What was read of each source, and what of it no rule understood.
    pub fn ledger(&self) -> Vec<(&'static str, ParseCounts)> {
        let counts = |source: &Source| (source.name(), source.counts());
        self.sources.iter().map(counts).collect()
    }

    pub(crate) fn config(&self) -> &CollectorConfig {
        &self.config
    }
}

fn hash_facts(facts: &std::collections::BTreeMap<String, String>) -> u64 {
    let mut text = Vec::new();
    for (name, value) in facts {
        for part in [name, value] {
            text.extend_from_slice(&(part.len() as u64).to_be_bytes());
            text.extend_from_slice(part.as_bytes());
        }
    }
    batch::checksum(&text)
}

fn plan_sources(sources: &SourcesConfig) -> Vec<SourcePlan> {
    let plan = |name, path: &Option<PathBuf>, kind| {
        path.clone().map(|path| SourcePlan {
            name,
            path,
            kind,
            replaced_whole: name == "installed_updates",
            archives: match name {
                "cbs_log" => Archives::CbsPersist,
                "dism_log" => Archives::Backup,
                _ => Archives::None,
            },
        })
    };
    [
        plan("cbs_log", &sources.cbs_log, Some(FileKind::Cbs)),
        plan("dism_log", &sources.dism_log, Some(FileKind::Dism)),
        plan("event_xml", &sources.event_xml, Some(FileKind::EventXml)),
        plan("installed_updates", &sources.installed_updates, None),
        plan("windows_update_log", &sources.windows_update_log, None),
    ]
    .into_iter()
    .flatten()
    .collect()
}
