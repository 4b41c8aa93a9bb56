//! Processes that die and come back, as a service manager would have it.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{runs, signal};

/// Pause before a process that ended by itself is started again.
const PAUSE: Duration = Duration::from_millis(500);

/// How long one that was asked to stop may take; its own grace is shorter.
const GRACE: Duration = Duration::from_secs(30);

/// One process of the river or one collector.
pub(super) struct Process {
    pub(super) name: String,
    program: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    log: PathBuf,
    child: Option<Child>,
    /// When it is due to run again; none while it runs or is not wanted.
    due: Option<Instant>,
    /// Since when it is asked to stop, and when it shall be back.
    asked: Option<(Instant, Option<Duration>)>,
    pub(super) frozen: bool,
    /// How often it ended though nobody asked.
    pub(super) ended_unasked: u32,
    /// How often it was asked to stop and said that it did not end well.
    pub(super) ended_badly: u32,
}

impl Process {
    pub(super) fn new(name: &str, program: &str, arguments: &[&str], folder: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program: beside(program),
            arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
            variables: Vec::new(),
            log: folder.join(format!("{name}.log")),
            child: None,
            due: None,
            asked: None,
            frozen: false,
            ended_unasked: 0,
            ended_badly: 0,
        }
    }

    pub(super) fn with(mut self, variables: &[(&str, &str)]) -> Self {
        let own = variables.iter();
        self.variables
            .extend(own.map(|&(name, value)| (name.to_owned(), value.to_owned())));
        self
    }

    pub(super) fn start(&mut self) {
        let log: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap();
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .env_remove("KBWATCH_KAFKA_BROKERS")
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        self.due = None;
        self.asked = None;
        self.frozen = false;
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether it runs, is not frozen and not asked to go.
    pub(super) fn is_well(&self) -> bool {
        !self.frozen && self.asked.is_none() && self.pid().is_some_and(runs)
    }

    pub(super) fn freeze(&mut self) {
        if let Some(pid) = self.pid() {
            signal(pid, "STOP");
            self.frozen = true;
        }
    }

    pub(super) fn thaw(&mut self) {
        if let (Some(pid), true) = (self.pid(), self.frozen) {
            signal(pid, "CONT");
        }
        self.frozen = false;
    }

    /// kill -9, and back after a while.
    pub(super) fn kill(&mut self, back_in: Option<Duration>) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        self.frozen = false;
        self.asked = None;
        self.due = back_in.map(|pause| Instant::now() + pause);
    }

    /// SIGTERM; it goes when it is ready, and comes back if wanted.
    pub(super) fn stop(&mut self, back_in: Option<Duration>) {
        if let Some(pid) = self.pid() {
            signal(pid, "TERM");
            self.asked = Some((Instant::now(), back_in));
        }
    }

    /// Notices an end, asked for or not, and starts what is due.
    pub(super) fn tend(&mut self) {
        if let (Some((since, _)), Some(child)) = (self.asked, &mut self.child)
            && since.elapsed() > GRACE
        {
            child.kill().unwrap();
        }
        let ended = self
            .child
            .as_mut()
            .and_then(|child| child.try_wait().unwrap());
        if let Some(status) = ended {
            self.child = None;
            let now = Instant::now();
            if let Some((_, back_in)) = self.asked.take() {
                self.ended_badly += u32::from(!status.success());
                self.due = back_in.map(|pause| now + pause);
            } else {
                self.ended_unasked += 1;
                self.due = Some(now + PAUSE);
            }
        }
        if self.due.is_some_and(|due| due <= Instant::now()) {
            self.start();
        }
    }

    /// What it said, all lives together.
    pub(super) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A failed test leaves nothing running.
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A program that was built beside this one.
fn beside(name: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_kbwatch")).with_file_name(name);
    assert!(
        program.is_file(),
        "{} is missing: cargo build --release --workspace --bins",
        program.display()
    );
    program
}
