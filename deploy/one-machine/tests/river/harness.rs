//! A river in a process of its own, to be killed.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use kbwatch_collector::{CollectorConfig, SourcesConfig, TlsConfig};
use kbwatch_one_machine::cli::EnrollRole;
use kbwatch_one_machine::pki;

/// Longest wait for anything that should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Polls until it holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process runs; one that only waits to be reaped does not.
pub(crate) fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit_once(')')
            .is_none_or(|(_, rest)| !rest.starts_with(" Z"))
    })
}

/// Running children of a process.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let parent = parent.to_string();
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
            after.split_whitespace().nth(1) == Some(&parent) && runs(*pid)
        })
        .collect()
}

/// Sends a signal by name, `KILL` or `STOP`.
pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "kill -{name} {pid}"
    );
}

/// A port that was free a moment ago, below those of outgoing connections.
pub(crate) fn free_port() -> u16 {
    let seed = RandomState::new().build_hasher().finish() % 9_000;
    (0..500)
        .map(|step| 10_000 + u16::try_from((seed + step * 31) % 9_000).unwrap_or(0))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .unwrap_or(0)
}

/// How to start a river, the same way every time.
pub(crate) struct Plan {
    pub(crate) data: PathBuf,
    pub(crate) gateway: u16,
    pub(crate) http: u16,
    pub(crate) arguments: Vec<String>,
    pub(crate) variables: Vec<(String, String)>,
    /// Of the Kafka in between; empty without.
    pub(crate) brokers: String,
}

impl Plan {
    pub(crate) fn new(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            gateway: free_port(),
            http: free_port(),
            arguments: Vec::new(),
            variables: Vec::new(),
            brokers: String::new(),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    /// Settings of someone with a certificate of this role, whose files lie in
    /// `home`; no log is read.
    pub(crate) fn collector(&self, id: &str, role: EnrollRole, home: &Path) -> CollectorConfig {
        let file = |name: String| home.join(name);
        let cert = file(format!("{id}.pem"));
        let (key, ca) = (file(format!("{id}.key")), file("ca.pem".to_owned()));
        // A device that was there before keeps its certificate.
        if !cert.exists() {
            pki::enroll(&self.data, id, role, home).unwrap();
        }
        CollectorConfig {
            gateway: format!("https://localhost:{}", self.gateway),
            tls: Some(TlsConfig {
                ca,
                cert,
                key,
                ..TlsConfig::default()
            }),
            state_dir: home.join("state"),
            history_days: 10_000,
            sources: SourcesConfig::none(),
            ..CollectorConfig::default()
        }
    }

    fn command(&self) -> Command {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kbwatch"));
        command
            .arg("up")
            .arg("--data")
            .arg(&self.data)
            .args(["--listen", &local(self.gateway)])
            .args(["--http", &local(self.http)])
            .args(&self.arguments)
            .env_remove("KBWATCH_CLICKHOUSE_URL")
            .env_remove("KBWATCH_KAFKA_BROKERS")
            .env("RUST_LOG", "warn")
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// Runs to its end and returns how it ended and what it said.
    pub(crate) fn run(&self) -> (ExitStatus, String) {
        let output = self.command().stderr(Stdio::piped()).output().unwrap();
        (
            output.status,
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }

    /// Starts and waits until the pages answer.
    pub(crate) fn start(&self) -> UpProcess {
        let child = self.command().spawn().unwrap();
        let mut process = UpProcess {
            child,
            url: self.url(),
        };
        eventually("the pages answer", || {
            let ended = process.child.try_wait().unwrap();
            assert!(ended.is_none(), "kbwatch ended: {ended:?}");
            process.get("/metrics").is_some()
        });
        process
    }
}

/// A running river.
pub(crate) struct UpProcess {
    pub(crate) child: Child,
    url: String,
}

impl UpProcess {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its ClickHouse child.
    pub(crate) fn engine(&self) -> Option<u32> {
        children(self.pid()).into_iter().next()
    }

    /// The body under a path, if it answers with success.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        let mut body = String::new();
        ureq::get(format!("{}{path}", self.url))
            .config()
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .call()
            .ok()?
            .body_mut()
            .as_reader()
            .read_to_string(&mut body)
            .ok()?;
        Some(body)
    }

    /// A counter or gauge of `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        self.get("/metrics")
            .unwrap_or_default()
            .lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
            .unwrap_or(0)
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop and waits for the exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        signal(self.pid(), "TERM");
        self.child.wait().unwrap().code()
    }
}

impl Drop for UpProcess {
    fn drop(&mut self) {
        // A failed test leaves nothing running.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
