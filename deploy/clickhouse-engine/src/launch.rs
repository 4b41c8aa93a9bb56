//! Starting one child and waiting until it answers.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::engine::EngineError;
use crate::host::HostOrder;
use crate::server_config::{DATABASE, USER};
use crate::{EXIT_DATA_FOLDER, MissingLibrary, find_library};

/// How to run the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineConfig {
    /// Folder of its own; created if missing.
    pub data_dir: PathBuf,
    /// The ClickHouse library; `None` looks in the cache.
    pub library: Option<PathBuf>,
    /// Most memory that the server takes, in MiB.
    pub memory_mb: u64,
    /// Executable that calls [`crate::host_if_asked`]; `None` is this one.
    pub host_program: Option<PathBuf>,
    /// Whether the folder is removed when the engine ends.
    pub ephemeral: bool,
    /// How long a start may take.
    pub start_timeout: Duration,
}

impl EngineConfig {
    /// What we run: 1.5 GiB, this executable as host, the folder kept.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            library: None,
            memory_mb: 1536,
            host_program: None,
            ephemeral: false,
            start_timeout: Duration::from_mins(1),
        }
    }
}

/// Everything that a start needs, fixed at the first one so that a restart
/// has the same port and password.
pub(crate) struct Launch {
    program: PathBuf,
    order: HostOrder,
    pub(crate) password: String,
    start_timeout: Duration,
}

/// A child that answers.
pub(crate) struct Running {
    pub(crate) child: Child,
    /// Closing it ends the child.
    pub(crate) input: ChildStdin,
}

impl Launch {
    pub(crate) fn prepare(config: &EngineConfig) -> Result<Self, EngineError> {
        let library = find_library(config.library.as_deref())
            .map_err(|error: MissingLibrary| EngineError::Missing(error))?;
        let process = |attempted| move |source| EngineError::Process { attempted, source };
        Ok(Self {
            // Names the running file itself, even if it was replaced on disk.
            program: config
                .host_program
                .clone()
                .unwrap_or_else(|| PathBuf::from("/proc/self/exe")),
            order: HostOrder {
                data_dir: std::path::absolute(&config.data_dir)
                    .map_err(process("resolve the data folder"))?,
                library,
                http_port: free_port().map_err(process("find a free port"))?,
                memory_mb: config.memory_mb,
                ephemeral: config.ephemeral,
            },
            password: random_password().map_err(process("read random bytes"))?,
            start_timeout: config.start_timeout,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.order.http_port))
    }

    pub(crate) fn take_another_port(&mut self) -> io::Result<()> {
        self.order.http_port = free_port()?;
        Ok(())
    }

    /// Starts a child and returns once it has answered as the right user;
    /// gives up when told to stop.
    pub(crate) fn start(&self, stopping: &AtomicBool) -> Result<Running, EngineError> {
        let process = |attempted| move |source| EngineError::Process { attempted, source };
        let mut child = self
            .command()
            .spawn()
            .map_err(process("start the ClickHouse host"))?;
        let errors = read_errors(&mut child);
        let input = child.stdin.take();
        let Some(mut input) = input else {
            return Err(EngineError::NotAnswering {
                said: "the host has no input".to_owned(),
            });
        };
        // A host that has left already says why through its exit code below.
        drop(input.write_all(format!("{}\n", self.password).as_bytes()));
        let deadline = Instant::now() + self.start_timeout;
        loop {
            if self.ask(&format!(
                "CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic"
            )) {
                return Ok(Running { child, input });
            }
            match child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => return Err(explain(status.code(), &errors)),
                Err(source) => {
                    return Err(process("watch the ClickHouse host")(source));
                }
            }
            let stopped = stopping.load(Ordering::SeqCst);
            if stopped || Instant::now() > deadline {
                drop(input);
                drop(child.kill());
                drop(child.wait());
                let said = if stopped {
                    "it was told to stop while it started".to_owned()
                } else {
                    errors.recv().unwrap_or_default()
                };
                return Err(EngineError::NotAnswering { said });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn command(&self) -> Command {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(&self.program);
        command
            .arg0("kbwatch-clickhouse-engine")
            .args(self.order.arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal reaches the whole group; the engine must
            // outlive the stages that still drain into it.
            .process_group(0);
        command
    }

    /// Sends one statement as our user; true if the server carried it out.
    fn ask(&self, statement: &str) -> bool {
        let attempt = || -> io::Result<bool> {
            let wait = Duration::from_secs(5);
            let mut stream = TcpStream::connect_timeout(&self.address(), wait)?;
            stream.set_read_timeout(Some(wait))?;
            stream.set_write_timeout(Some(wait))?;
            write!(
                stream,
                "POST / HTTP/1.0\r\nHost: localhost\r\nX-ClickHouse-User: {USER}\r\nX-ClickHouse-Key: {}\r\nContent-Length: {}\r\n\r\n{statement}",
                self.password,
                statement.len()
            )?;
            let mut status = String::new();
            BufReader::new(stream).take(1024).read_line(&mut status)?;
            Ok(status.split(' ').nth(1) == Some("200"))
        };
        attempt().unwrap_or(false)
    }
}

fn explain(code: Option<i32>, errors: &mpsc::Receiver<String>) -> EngineError {
    let said = errors
        .recv_timeout(Duration::from_secs(1))
        .unwrap_or_default();
    if code == Some(EXIT_DATA_FOLDER) {
        EngineError::DataFolder { said }
    } else {
        EngineError::NotAnswering { said }
    }
}

/// Reads the host's error output to its end, so that it never blocks, and
/// hands over its last lines.
fn read_errors(child: &mut Child) -> mpsc::Receiver<String> {
    let (tx, rx) = mpsc::sync_channel(1);
    if let Some(output) = child.stderr.take() {
        std::thread::spawn(move || {
            let mut last = String::new();
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line);
                tracing::debug!(said = %line, "ClickHouse host");
                if !line.trim().is_empty() {
                    line.trim().clone_into(&mut last);
                }
            }
            // Nobody listens once the start has succeeded.
            drop(tx.send(last));
        });
    }
    rx
}

/// A port below the range from which the system serves outgoing connections:
/// a restart must find it free.
fn free_port() -> io::Result<u16> {
    let mut last = None;
    for _ in 0..200 {
        let [a, b] = random_bytes::<2>()?;
        let port = 20_000 + u16::from_be_bytes([a, b]) % 12_000;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

fn random_password() -> io::Result<String> {
    Ok(crate::server_config::hex(&random_bytes::<16>()?))
}

pub(crate) fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
