//! One virtual device: writes its logs as time goes, and lets its collector
//! look at them.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kbwatch_collector::{Collector, CollectorConfig, Sender, SourcesConfig};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::progress::{Board, Note, Stage};
use super::{LaunchConfig, LaunchError};
use crate::ledger::of_device;
use crate::pki::DeviceAuthority;
use crate::plan::{DevicePlan, FleetPlan};
use crate::render::{CBS_LOG, DISM_LOG, EVENTS_XML, FACTS_JSON, LaterWrite, QFE_TXT, render};

/// Pause between two looks while something is under way.
const BUSY_PAUSE: Duration = Duration::from_millis(300);
/// Pause between two looks while nothing is expected.
const IDLE_PAUSE: Duration = Duration::from_secs(4);

/// Everything that one device's task needs.
pub(super) struct VirtualDevice {
    pub(super) plan: Arc<FleetPlan>,
    pub(super) index: usize,
    pub(super) config: Arc<LaunchConfig>,
    pub(super) authority: Option<Arc<DeviceAuthority>>,
    pub(super) board: Arc<Board>,
    pub(super) turns: Arc<Semaphore>,
    pub(super) shutdown: watch::Receiver<bool>,
    pub(super) live_since: watch::Receiver<Option<Instant>>,
}

/// The device once its history lies there.
struct Awake {
    collector: Collector,
    sender: Sender,
    later: VecDeque<LaterWrite>,
    note: Note,
    /// When its newest line was written: a record closes after a quiet moment.
    wrote_at: Instant,
}

impl VirtualDevice {
    fn device(&self) -> &DevicePlan {
        &self.plan.devices[self.index]
    }

    fn folder(&self) -> PathBuf {
        self.config.dir.join("devices").join(&self.device().id)
    }

    /// Milliseconds since 1970 UTC by the device's own clock.
    fn device_now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let true_ms = since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        });
        true_ms + self.device().clock_skew_s * 1_000
    }

    /// Runs until it goes dark or the fleet stops.
    pub(super) async fn run(self) -> Result<(), LaunchError> {
        let (board, index) = (Arc::clone(&self.board), self.index);
        let done = self.work().await;
        if done.is_err() {
            board.fail(index);
        }
        done
    }

    async fn work(mut self) -> Result<(), LaunchError> {
        let turns = Arc::clone(&self.turns);
        let Ok(turn) = turns.acquire().await else {
            return Ok(());
        };
        let mut turn = Some(turn);
        let mut awake = self.wake()?;
        while !*self.shutdown.borrow() {
            let stepped = self.look(&mut awake)?;
            if awake.note.stage >= Stage::HistorySettled {
                turn.take();
            }
            if self.is_dark(&awake) {
                awake.note.stage = Stage::Dark;
                self.board.put(self.index, awake.note);
                break;
            }
            let pause = match (stepped, self.pause(&awake)) {
                (true, _) => Duration::ZERO,
                (false, pause) => pause,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = awake.sender.changed() => {}
                changed = self.shutdown.changed() => if changed.is_err() { break },
                changed = self.live_since.changed(), if !awake.later.is_empty() => if changed.is_err() { break },
            }
        }
        self.close(awake).await
    }

    /// Writes the history and starts the collector.
    fn wake(&self) -> Result<Awake, LaunchError> {
        let device = self.device();
        let rendered = render(&self.plan, device);
        let folder = self.folder();
        rendered
            .write(&folder)
            .map_err(|source| LaunchError::Write {
                path: folder.clone(),
                source,
            })?;
        self.board.add_to_ledger(of_device(device, &rendered));
        let config = self.collector_config()?;
        let collector =
            Collector::open(config.clone()).map_err(|source| LaunchError::Collector {
                device: device.id.clone(),
                source,
            })?;
        let sender = Sender::start(&config).map_err(|source| LaunchError::Sender {
            device: device.id.clone(),
            source,
        })?;
        Ok(Awake {
            collector,
            sender,
            later: rendered.later.into(),
            note: Note::default(),
            wrote_at: Instant::now(),
        })
    }

    fn collector_config(&self) -> Result<CollectorConfig, LaunchError> {
        let device = self.device();
        let folder = self.folder();
        let certificates = self.config.dir.join("certificates");
        let tls = match &self.authority {
            Some(authority) => Some(authority.enrol(&device.id, &certificates)?),
            None => None,
        };
        let declared = tls.is_none().then(|| device.id.clone());
        Ok(CollectorConfig {
            gateway: self.config.gateway.clone(),
            tls,
            declared_device: declared,
            state_dir: self.config.dir.join("state").join(&device.id),
            sources: SourcesConfig {
                cbs_log: Some(folder.join(CBS_LOG)),
                dism_log: device.has_dism.then(|| folder.join(DISM_LOG)),
                event_xml: Some(folder.join(EVENTS_XML)),
                installed_updates: Some(folder.join(QFE_TXT)),
                ..SourcesConfig::none()
            },
            facts_file: Some(folder.join(FACTS_JSON)),
            utc_offset_minutes: Some(device.utc_offset_minutes),
            heartbeat_s: self.config.heartbeat_s,
            backoff_max_ms: 5_000,
            start_spread_ms: 0,
            ..CollectorConfig::default()
        })
    }

    /// Writes what is due, lets the collector look, exchanges batches and
    /// receipts, and notes how far it is; true when there is more at once.
    fn look(&self, awake: &mut Awake) -> Result<bool, LaunchError> {
        self.write_due(awake)?;
        let now_ms = self.device_now_ms();
        let stepped = awake.collector.step(now_ms);
        awake
            .sender
            .exchange(&mut awake.collector, now_ms)
            .map_err(|source| LaunchError::Sender {
                device: self.device().id.clone(),
                source,
            })?;
        let idle = !stepped.more && awake.collector.pending().is_idle();
        let reached = match (idle, awake.later.is_empty()) {
            (true, true) => Stage::Settled,
            (true, false) => Stage::HistorySettled,
            (false, _) => Stage::Reading,
        };
        awake.note.stage = awake.note.stage.max(reached);
        awake.note.counts = awake.collector.counts();
        self.board.put(self.index, awake.note);
        Ok(stepped.more)
    }

    /// When a moment of the plan comes by, once the live phase has begun.
    fn due(&self, at_ms: i64) -> Option<Instant> {
        let since = (*self.live_since.borrow())?;
        let after = at_ms - self.plan.config.now_ms;
        Some(since + Duration::from_millis(u64::try_from(after).unwrap_or_default()))
    }

    fn write_due(&self, awake: &mut Awake) -> Result<(), LaunchError> {
        let now = Instant::now();
        while let Some(next) = awake.later.front() {
            if self.due(next.at_ms).is_none_or(|due| due > now) {
                break;
            }
            let folder = self.folder();
            next.apply(&folder).map_err(|source| LaunchError::Write {
                path: folder.join(&next.file),
                source,
            })?;
            awake.wrote_at = now;
            awake.later.pop_front();
        }
        Ok(())
    }

    /// Whether its collector has stopped as planned. What it wrote before is
    /// receipted by then, so that the ledger can be exact.
    fn is_dark(&self, awake: &Awake) -> bool {
        let due = self.device().dark_at_ms.and_then(|at_ms| self.due(at_ms));
        awake.note.stage == Stage::Settled && due.is_some_and(|due| due <= Instant::now())
    }

    /// How long until something may have changed.
    fn pause(&self, awake: &Awake) -> Duration {
        if !awake.collector.pending().is_idle() || awake.wrote_at.elapsed() < Duration::from_secs(2)
        {
            return BUSY_PAUSE;
        }
        let moments = awake.later.front().map(|next| next.at_ms);
        let next = moments.into_iter().chain(self.device().dark_at_ms).min();
        let until = next.and_then(|at_ms| self.due(at_ms));
        let until = until.map(|due| due.saturating_duration_since(Instant::now()));
        until
            .unwrap_or(IDLE_PAUSE)
            .clamp(Duration::from_millis(20), IDLE_PAUSE)
    }

    async fn close(self, mut awake: Awake) -> Result<(), LaunchError> {
        if awake.note.stage != Stage::Dark {
            awake.collector.flush(self.device_now_ms());
            let deadline = Instant::now() + Duration::from_secs(5);
            while awake.collector.pending().unreceipted_batches > 0 {
                let now_ms = self.device_now_ms();
                let exchanged = awake.sender.exchange(&mut awake.collector, now_ms);
                let waited = tokio::time::timeout_at(deadline, awake.sender.changed()).await;
                if exchanged.is_err() || waited.is_err() {
                    break;
                }
            }
            awake.note.counts = awake.collector.counts();
            self.board.put(self.index, awake.note);
        }
        awake.sender.close().await;
        Ok(())
    }
}
