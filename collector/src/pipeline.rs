//! The collector: watch → parse → pack → outbox, and back: receipt → remember.
//!
//! Synchronous, without a clock, a thread or a socket of its own: whoever owns
//! a [`Collector`] says what time it is, takes the batches that
//! [`Collector::next_batch`] offers to the gateway, and brings back the
//! receipts. Thousands fit into one process.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kbwatch_proto::event::FactsSnapshot;

use crate::config::{CollectorConfig, ConfigError};
use crate::identity::{self, IdentityError};
use crate::outbox::Outbox;
use crate::pace::Pace;
use crate::pack::Packer;
use crate::refused::RefusedFolder;
use crate::remember::Notebook;
use crate::spool::Spool;
use crate::standing::{Counts, Pending, Stepped};
use crate::traffic::Traffic;
use crate::watch::channel_board::ChannelBoard;
use crate::watch::facts::FactsSource;
use crate::watch::source::Source;

use self::lines::LineLedger;
use self::plan::plan_sources;

mod answers;
mod health;
mod lines;
mod plan;
mod reading;
mod spooling;

const DAY_MS: i64 = 24 * 3_600_000;
const YEAR_MS: i64 = 365 * DAY_MS;

/// Seconds of reading and of sending that can be saved up while idle.
const READ_SAVING_S: u64 = 1;
const SEND_SAVING_S: u64 = 20;

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
    /// Event channels that someone else reads into one of the sources.
    channels: Option<ChannelBoard>,
    facts: FactsSource,
    snapshot: FactsSnapshot,
    facts_hash: u64,
    facts_due: bool,
    outbox: Outbox,
    /// When events were last put into a batch, or the start: a log that is new
    /// to us may tell its UTC offset some lines on.
    sealed_at_ms: i64,
    heartbeat_at_ms: i64,
    notebook: Notebook,
    memory_moved: bool,
    saved_at_ms: i64,
    refused: RefusedFolder,
    spool: Spool,
    /// Receipts taken, now and at the last step.
    answers: u64,
    answers_seen: u64,
    /// Since when a full outbox waits for any receipt.
    unanswered_since_ms: Option<i64>,
    /// Which source looks first.
    turn: usize,
    read_pace: Pace,
    send_pace: Pace,
    traffic: Traffic,
    lines: LineLedger,
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
        let sources = plan_sources(&config.sources, &config.state_dir)
            .into_iter()
            .map(|plan| {
                let files = memory.take_files(&plan.key());
                Source::new(plan, Arc::clone(&device_id), files)
            })
            .collect();
        let spool = Spool::open(&config.state_dir, config.spool_max_bytes, &device_id);
        Ok(Self {
            packer: Packer::new(&config, &device_id),
            device_id,
            started_at_ms: None,
            looked: false,
            sources,
            channels: None,
            facts: FactsSource::new(config.facts_file.clone()),
            snapshot: FactsSnapshot {
                revision: memory.facts_revision,
                ..FactsSnapshot::default()
            },
            facts_hash: memory.facts_hash,
            facts_due: false,
            outbox: Outbox::new(
                config.outbox_max_batches,
                config.outbox_max_bytes,
                config.in_flight_batches,
            ),
            sealed_at_ms: 0,
            heartbeat_at_ms: 0,
            notebook,
            memory_moved: false,
            saved_at_ms: 0,
            refused: RefusedFolder::new(&config.state_dir, config.refused_max_bytes),
            counts: Counts {
                recovered_events: spool.events(),
                ..Counts::default()
            },
            spool,
            answers: 0,
            answers_seen: 0,
            unanswered_since_ms: None,
            turn: 0,
            read_pace: Pace::new(config.read_max_bytes_per_s.into(), READ_SAVING_S),
            send_pace: Pace::new(config.send_max_bytes_per_s.into(), SEND_SAVING_S),
            traffic: Traffic::default(),
            lines: LineLedger::default(),
            config,
        })
    }

    /// A collector whose batches are carried by hand: it starts where the last
    /// receipts left off, and what it learns is noted under another name until
    /// receipts come back. What lies in the spool stays there.
    pub(crate) fn open_to_carry(
        mut config: CollectorConfig,
        folder: &Path,
        file_name: String,
    ) -> Result<Self, OpenError> {
        config.send_max_bytes_per_s = 0;
        config.spool_max_bytes = 0;
        let mut collector = Self::open(config)?;
        collector.spool = Spool::open(&folder.join("none"), 0, &collector.device_id);
        collector.counts.recovered_events = 0;
        collector.notebook = Notebook::named(folder, file_name, &collector.device_id);
        collector.memory_moved = true;
        Ok(collector)
    }

    /// Tells of these event channels, too, in every heartbeat.
    pub(crate) fn watch_channels(&mut self, channels: Option<ChannelBoard>) {
        self.channels = channels;
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
            self.sealed_at_ms = now_ms;
        }
        self.watch_answers(now_ms);
        self.look_at_facts(now_ms);
        self.spool_what_rotates_away(now_ms);
        self.return_spooled(now_ms);
        self.looked = !self.outbox.is_full();
        if self.looked {
            self.look_at_logs(now_ms, last_look, &mut stepped);
        } else if self.is_cut_off(now_ms) {
            // To learn whether something rotated away meanwhile.
            self.look_for_rotation(now_ms);
        }
        // After the look, of which it tells, and before the events, which its
        // facts belong to.
        self.report_health(now_ms);
        if self.looked {
            self.seal_if_due(now_ms, last_look && !stepped.more);
        }
        // With a full outbox there is nothing to do before a receipt comes.
        stepped.more &= !self.outbox.is_full();
        self.save_if_due(now_ms);
        stepped.sealed_batches = self.counts.sealed_batches - sealed_before;
        stepped
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
            spooled_batches: self.spool.len() as u64,
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
            counts.lost_bytes += source.losses().bytes;
            counts.lost_files += source.losses().files;
            counts.skipped_files += source.skipped_files();
            counts.skipped_events += source.skipped_events();
            counts.read_events += source.skipped_events();
        }
        counts
    }

    /// Logs that are named and cannot be read: not there, or not for us.
    /// Further logs need not be there.
    pub fn unreadable_logs(&self) -> Vec<&Path> {
        let unreadable = self.sources.iter().filter(|source| source.is_missed());
        unreadable.map(Source::path).collect()
    }

    /// Whether any log was found that can be read.
    pub fn reads_something(&self) -> bool {
        self.sources.iter().any(Source::is_readable)
    }

    pub(crate) fn config(&self) -> &CollectorConfig {
        &self.config
    }
}
