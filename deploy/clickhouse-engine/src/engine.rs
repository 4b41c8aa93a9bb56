//! The parent's side: one engine, watched, and started again when it dies.

use std::process::{Child, ChildStdin, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clickhouse::Client;
use tokio::sync::oneshot;

use crate::launch::{EngineConfig, Launch, Running};
use crate::server_config::{DATABASE, USER};
use crate::{Connection, EXIT_DATA_FOLDER, MissingLibrary};

/// How long a host may take to leave once asked.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause between two looks at whether the child still runs.
const LOOK: Duration = Duration::from_millis(20);

/// First and longest pause between two starts.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A ClickHouse server of our own, running.
///
/// Dropping it stops the server. It is supervised by a thread, not by a task:
/// it belongs to no runtime and outlives those that come and go in tests.
#[derive(Debug)]
pub struct Engine {
    connection: Connection,
    watched: Arc<Watched>,
    supervisor: Option<JoinHandle<()>>,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Install the library.
    #[error(transparent)]
    Missing(MissingLibrary),
    /// Choose or free a folder.
    #[error("{said}")]
    DataFolder {
        /// What the host said: which folder, what to do.
        said: String,
    },
    /// Read what the server said.
    #[error("the ClickHouse engine does not answer: {said}")]
    NotAnswering {
        /// Last line of its error output.
        said: String,
    },
    /// The system refused.
    #[error("could not {attempted}: {source}")]
    Process {
        /// What was attempted.
        attempted: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

impl EngineError {
    /// What a command-line program should exit with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::DataFolder { .. } => u8::try_from(EXIT_DATA_FOLDER).unwrap_or(1),
            Self::Missing(_) | Self::NotAnswering { .. } | Self::Process { .. } => 2,
        }
    }
}

/// What supervisor and owner share.
#[derive(Debug, Default)]
struct Watched {
    stopping: AtomicBool,
    /// The child that runs, and the input whose end asks it to leave.
    child: Mutex<Option<(Child, Option<ChildStdin>)>>,
    pid: AtomicU32,
    restarts: AtomicU64,
}

impl Watched {
    fn child(&self) -> MutexGuard<'_, Option<(Child, Option<ChildStdin>)>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_in(&self, running: Running) {
        self.pid.store(running.child.id(), Ordering::SeqCst);
        *self.child() = Some((running.child, Some(running.input)));
    }

    /// Waits until the child has ended. The lock is given back between two
    /// looks, so that the owner can kill it: never a stranger who got its
    /// number later.
    fn wait(&self) -> std::io::Result<ExitStatus> {
        loop {
            match self.child().as_mut() {
                None => return Ok(ExitStatus::default()),
                Some((child, _)) => match child.try_wait() {
                    Ok(Some(status)) => return Ok(status),
                    Ok(None) => {}
                    Err(error) => return Err(error),
                },
            }
            std::thread::sleep(LOOK);
        }
    }

    fn kill(&self) {
        if let Some((child, _)) = self.child().as_mut() {
            // One that has ended already needs no killing.
            drop(child.kill());
        }
    }

    fn let_go(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        if let Some((_, input)) = self.child().as_mut() {
            drop(input.take());
        }
    }
}

impl Engine {
    /// Starts a server and returns once it answers and the database exists.
    pub async fn start(config: EngineConfig) -> Result<Self, EngineError> {
        let (started_tx, started_rx) = oneshot::channel();
        let watched = Arc::new(Watched::default());
        let supervisor = std::thread::Builder::new()
            .name("clickhouse-engine".to_owned())
            .spawn({
                let watched = Arc::clone(&watched);
                move || supervise(&config, &watched, started_tx)
            })
            .map_err(|source| EngineError::Process {
                attempted: "start the supervisor",
                source,
            })?;
        let connection = started_rx.await.map_err(|_| EngineError::NotAnswering {
            said: "its supervisor ended".to_owned(),
        })??;
        Ok(Self {
            connection,
            watched,
            supervisor: Some(supervisor),
        })
    }

    /// A client of the database `kbwatch`; it stays good across restarts.
    pub fn client(&self) -> Client {
        self.connection.client()
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.connection.url
    }

    /// Address, user, password and database.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// How often the server died and was started again.
    pub fn restarts(&self) -> u64 {
        self.watched.restarts.load(Ordering::SeqCst)
    }

    /// Process id of the host that runs now.
    pub fn pid(&self) -> u32 {
        self.watched.pid.load(Ordering::SeqCst)
    }

    /// Stops the server and waits until its folder is free.
    pub async fn stop(mut self) -> Result<(), EngineError> {
        self.watched.let_go();
        let Some(supervisor) = self.supervisor.take() else {
            return Ok(());
        };
        let deadline = Instant::now() + LEAVE_TIMEOUT;
        while !supervisor.is_finished() {
            if Instant::now() > deadline {
                tracing::warn!("ClickHouse did not leave in time, killed it");
                self.watched.kill();
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // One that panicked has no child left to wait for; a killed child is
        // reaped at once.
        drop(tokio::task::spawn_blocking(move || supervisor.join()).await);
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.watched.let_go();
    }
}

type Started = oneshot::Sender<Result<Connection, EngineError>>;

fn supervise(config: &EngineConfig, watched: &Watched, started: Started) {
    let (launch, running) = match first_start(config, &watched.stopping) {
        Ok(first) => first,
        Err(error) => {
            // A caller that has gone needs no answer.
            drop(started.send(Err(error)));
            return;
        }
    };
    watched.take_in(running);
    drop(started.send(Ok(Connection {
        url: format!("http://{}", launch.address()),
        user: USER.to_owned(),
        password: launch.password.clone(),
        database: DATABASE.to_owned(),
    })));
    loop {
        let ended = watched.wait();
        if watched.stopping.load(Ordering::SeqCst) {
            return;
        }
        tracing::warn!(status = ?ended, "ClickHouse died, starting it again");
        let Some(next) = start_again(&launch, watched) else {
            return;
        };
        watched.restarts.fetch_add(1, Ordering::SeqCst);
        watched.take_in(next);
        if watched.stopping.load(Ordering::SeqCst) {
            // The owner let go while the new child was starting.
            watched.let_go();
        }
        tracing::info!(
            pid = watched.pid.load(Ordering::SeqCst),
            "ClickHouse is back"
        );
    }
}

/// Another process may take the chosen port before the server does: tried
/// again with other ports, then given up.
fn first_start(
    config: &EngineConfig,
    stopping: &AtomicBool,
) -> Result<(Launch, Running), EngineError> {
    let mut launch = Launch::prepare(config)?;
    let mut tries_left = 4;
    loop {
        match launch.start(stopping) {
            Ok(running) => return Ok((launch, running)),
            Err(EngineError::NotAnswering { said })
                if tries_left > 0 && said.contains("Address already in use") =>
            {
                tries_left -= 1;
                launch
                    .take_another_port()
                    .map_err(|source| EngineError::Process {
                        attempted: "find a free port",
                        source,
                    })?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Tries until it works or the owner lets go: clients wait for this port.
fn start_again(launch: &Launch, watched: &Watched) -> Option<Running> {
    let mut pause = PAUSE.0;
    while !watched.stopping.load(Ordering::SeqCst) {
        match launch.start(&watched.stopping) {
            Ok(running) => return Some(running),
            Err(error) => {
                tracing::error!(%error, "could not start ClickHouse again, trying on");
                std::thread::sleep(pause);
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
    None
}
