//! The fleet at work: every device's logs are written as time goes, and a real
//! collector per device follows them and reports to a real gateway.

mod device;
mod progress;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use self::progress::{FleetSummary, Progress};

use self::device::VirtualDevice;
use self::progress::Board;
use crate::ledger::LedgerRow;
use crate::pki::{DeviceAuthority, EnrolError};
use crate::plan::FleetPlan;
use crate::truth::Truth;

/// Devices that read their history at once; the others wait for their turn, so
/// that the gateway meets a queue and not a stampede.
const READING_AT_ONCE: usize = 96;

/// How the devices show who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// They say it; a gateway believes that on loopback only.
    Declared,
    /// A certificate each, from the authority (`ca.pem`, `ca.key`) in a folder.
    Authority(PathBuf),
}

/// How to run a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchConfig {
    /// `https://…`, or `http://127.0.0.1:…` with [`Credentials::Declared`].
    pub gateway: String,
    /// Who the devices are to the gateway.
    pub credentials: Credentials,
    /// Folder for logs, certificates and checkpoints.
    pub dir: PathBuf,
    /// Seconds between two signs of life of a device; short ones let silence
    /// show within a demonstration.
    pub heartbeat_s: u32,
}

/// A fleet that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// No certificates.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// A folder or log cannot be written.
    #[error("write {path}", path = path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A collector refuses its configuration.
    #[error("open the collector of {device}")]
    Collector {
        /// Whose.
        device: String,
        /// Why.
        source: kbwatch_collector::pipeline::OpenError,
    },
    /// A collector cannot send.
    #[error("start the sender of {device}")]
    Sender {
        /// Whose.
        device: String,
        /// Why.
        source: kbwatch_collector::send::SendError,
    },
    /// A task died.
    #[error("run a device")]
    Task(#[from] tokio::task::JoinError),
}

/// Not everything was receipted in time, or a device cannot go on;
/// [`RunningFleet::stop`] says why.
#[derive(Debug, thiserror::Error)]
#[error("{left} of {devices} devices are not settled, for example {example}")]
pub struct Unsettled {
    /// Devices with something left to write, read or be receipted.
    pub left: usize,
    /// Devices in all.
    pub devices: usize,
    /// One of them.
    pub example: String,
}

/// Starts fleets.
#[derive(Debug)]
pub struct Fleet;

impl Fleet {
    /// Writes every device's history, starts its collector, and begins the live
    /// phase once all history is receipted. Returns at once; see
    /// [`RunningFleet::settled`].
    ///
    /// # Errors
    /// When certificates cannot be made or folders not be written.
    pub fn launch(plan: FleetPlan, config: LaunchConfig) -> Result<RunningFleet, LaunchError> {
        let plan = Arc::new(plan);
        let authority = match &config.credentials {
            Credentials::Declared => None,
            Credentials::Authority(folder) => Some(Arc::new(DeviceAuthority::load(folder)?)),
        };
        for part in ["devices", "certificates", "state"] {
            let path = config.dir.join(part);
            std::fs::create_dir_all(&path).map_err(|source| LaunchError::Write { path, source })?;
        }
        let (shutdown, _) = watch::channel(false);
        let live_since = Arc::new(watch::channel(None).0);
        let board = Arc::new(Board::new(plan.devices.len()));
        let turns = Arc::new(Semaphore::new(READING_AT_ONCE));
        let config = Arc::new(config);
        let mut tasks = JoinSet::new();
        for index in 0..plan.devices.len() {
            let device = VirtualDevice {
                plan: Arc::clone(&plan),
                index,
                config: Arc::clone(&config),
                authority: authority.clone(),
                board: Arc::clone(&board),
                turns: Arc::clone(&turns),
                shutdown: shutdown.subscribe(),
                live_since: live_since.subscribe(),
            };
            tasks.spawn(device.run());
        }
        let starter = tokio::spawn(begin_live(Arc::clone(&board), Arc::clone(&live_since)));
        Ok(RunningFleet {
            truth: Truth::of(&plan),
            plan,
            board,
            shutdown,
            tasks,
            starter,
            _live_since: live_since,
        })
    }
}

/// Lets the live phase begin when all history is receipted.
async fn begin_live(board: Arc<Board>, live_since: Arc<watch::Sender<Option<Instant>>>) {
    while !board.is_history_settled() {
        board.changed().await;
    }
    tracing::info!("history is receipted, live phase begins");
    live_since.send_replace(Some(Instant::now()));
}

/// A fleet at work.
#[derive(Debug)]
pub struct RunningFleet {
    /// What must be found.
    pub truth: Truth,
    plan: Arc<FleetPlan>,
    board: Arc<Board>,
    shutdown: watch::Sender<bool>,
    tasks: JoinSet<Result<(), LaunchError>>,
    starter: tokio::task::JoinHandle<()>,
    /// Devices take its end for the fleet's end.
    _live_since: Arc<watch::Sender<Option<Instant>>>,
}

impl RunningFleet {
    /// What was planned.
    pub fn plan(&self) -> &FleetPlan {
        &self.plan
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.board.progress()
    }

    /// The ledger of all devices that have been rendered so far; complete once
    /// history is settled.
    pub fn ledger(&self) -> Vec<LedgerRow> {
        self.board.ledger()
    }

    /// Waits until all history is written, read and receipted.
    ///
    /// # Errors
    /// [`Unsettled`] after `patience`.
    pub async fn history_settled(&self, patience: Duration) -> Result<(), Unsettled> {
        self.wait(
            patience,
            Board::is_history_settled,
            Board::first_with_history,
        )
        .await
    }

    /// Waits until the live phase is over too: everything that the plan holds
    /// is written, read and receipted.
    ///
    /// # Errors
    /// [`Unsettled`] after `patience`.
    pub async fn settled(&self, patience: Duration) -> Result<(), Unsettled> {
        self.wait(patience, Board::is_settled, Board::first_unsettled)
            .await
    }

    async fn wait(
        &self,
        patience: Duration,
        done: fn(&Board) -> bool,
        first_left: fn(&Board) -> (usize, usize),
    ) -> Result<(), Unsettled> {
        let deadline = Instant::now() + patience;
        while !done(&self.board) {
            let waited = tokio::time::timeout_at(deadline, self.board.changed()).await;
            if waited.is_err() || self.board.has_failed() {
                let (left, index) = first_left(&self.board);
                return Err(Unsettled {
                    left,
                    devices: self.plan.devices.len(),
                    example: self.plan.devices[index].id.clone(),
                });
            }
        }
        Ok(())
    }

    /// Stops all collectors, each after its last receipts or its grace period.
    ///
    /// # Errors
    /// The first device's that could not run.
    pub async fn stop(mut self) -> Result<FleetSummary, LaunchError> {
        self.shutdown.send_replace(true);
        self.starter.abort();
        let mut first_error = None;
        while let Some(done) = self.tasks.join_next().await {
            if let Err(error) = done.map_err(LaunchError::from).flatten() {
                first_error.get_or_insert(error);
            }
        }
        match first_error {
            Some(error) => Err(error),
            None => Ok(self.board.summary()),
        }
    }
}
