//! The runs that write into one dism.log, each told from the others.
//!
//! A run is a process that asks (`dism.exe`, or a program that calls the
//! library) and the host process that works for it. Lines of `DISM.EXE` name no
//! process: they belong to the run that they fit, else to the newest.

use serde::{Deserialize, Serialize};

use super::failure::failed_code;
use crate::parse::panther::Head;
use crate::parse::pending::Pending;
use crate::parse::scan;

/// Most runs that are remembered; the oldest gives way.
const MAX_RUNS: usize = 8;

/// Most processes and most told codes of one run.
const MAX_OF_RUN: usize = 16;

/// A run that said nothing for so long ended without a word, and its process
/// ids may be those of others by now.
const SILENT_MS: i64 = 12 * 3_600_000;

/// Steps of a process that gets ready, before its run begins.
const BEFORE_RUN: [&[u8]; 4] = [
    b"CDISMManager::put_ScratchDir",
    b"CDISMManager::FinalConstruct",
    b"CDISMManager::LoadLocalImageSession",
    b"CDISMManager::CreateLocalImageSession",
];

/// Who wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// `DISM.EXE: …`
    Program,
    /// `API: PID=n …`: the process that calls the library.
    Caller(u32),
    /// `DISM Package Manager: PID=n …`
    Process(u32),
    Unnamed,
}

impl Writer {
    pub(super) fn of(message: &[u8]) -> Self {
        if message.starts_with(b"DISM.EXE: ") {
            return Self::Program;
        }
        // Only what stands before the text names the writer.
        let start = &message[..message.len().min(64)];
        match scan::after(start, b"PID=").and_then(scan::number) {
            Some(process) if message.starts_with(b"API: ") => Self::Caller(process),
            Some(process) => Self::Process(process),
            None => Self::Unnamed,
        }
    }
}

/// What one run was asked for.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Run {
    /// Process of the program that calls the library; none for `dism.exe`.
    caller: Option<u32>,
    /// Processes that were seen at work for it.
    processes: Vec<u32>,
    /// Wall clock of its last line.
    last_ms: Option<i64>,
    /// Word of the phase; empty while unknown.
    pub(super) phase: String,
    pub(super) operation: String,
    pub(super) feature: String,
    pub(super) kb: String,
    pub(super) os_version: String,
    /// Codes of the failures that it was already told to have.
    told: Vec<u32>,
    /// Its failure, while it climbs.
    #[serde(skip)]
    pub(super) failure: Option<Pending>,
}

impl Run {
    /// Something new was asked for: what fails from now on was not told before.
    pub(super) fn begin_operation(&mut self) {
        self.told.clear();
    }

    pub(super) fn was_told(&self, code: u32) -> bool {
        self.told.contains(&code)
    }

    /// Takes the failure out; its code counts as told.
    pub(super) fn take_failure(&mut self) -> Option<Pending> {
        let failure = self.failure.take()?;
        if let Some(code) = failure.event.hresult
            && !self.was_told(code)
            && self.told.len() < MAX_OF_RUN
        {
            self.told.push(code);
        }
        Some(failure)
    }

    fn knows(&self, code: u32) -> bool {
        let climbs = self.failure.as_ref().and_then(|open| open.event.hresult);
        climbs == Some(code) || self.was_told(code)
    }

    fn is_of(&self, process: u32) -> bool {
        self.caller == Some(process) || self.processes.contains(&process)
    }
}

/// Runs under way, the one that spoke up last at the end.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Runs(Vec<Run>);

impl Runs {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Run> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Run> {
        self.0.iter_mut()
    }

    /// The run that a line belongs to, begun if there is none.
    pub(super) fn of(&mut self, writer: Writer, head: &Head<'_>) -> &mut Run {
        let found = match writer {
            Writer::Program => self.of_program(failed_code(head)),
            Writer::Caller(process) => self.of_process(process),
            Writer::Process(process) => self.of_process(process).or_else(|| self.newest()),
            Writer::Unnamed => self.newest(),
        };
        let at = found.unwrap_or_else(|| {
            let caller = match writer {
                Writer::Caller(process) => Some(process),
                _ => None,
            };
            self.push(caller);
            self.0.len() - 1
        });
        let run = &mut self.0[at];
        run.last_ms = head.printed_at_ms.or(run.last_ms);
        run
    }

    /// Notes whose run a process works for, as soon as it writes.
    pub(super) fn note(&mut self, writer: Writer, message: &[u8]) {
        let Writer::Process(process) = writer else {
            return;
        };
        let known = self.of_process(process);
        if BEFORE_RUN.iter().any(|step| scan::contains(message, step)) {
            if let Some(at) = known {
                self.0[at].processes.retain(|one| *one != process);
            }
        } else if known.is_none()
            && let Some(run) = self.0.last_mut()
            && run.processes.len() < MAX_OF_RUN
        {
            run.processes.push(process);
        }
    }

    /// Begins the run of a marker.
    pub(super) fn begin(&mut self, writer: Writer, head: &Head<'_>) {
        let caller = match writer {
            Writer::Caller(process) => Some(process),
            _ => None,
        };
        let silent = |run: &Run| {
            let both = head.printed_at_ms.zip(run.last_ms);
            both.is_some_and(|(now, last)| (now - last).abs() > SILENT_MS)
        };
        let again = |run: &Run| caller.is_some() && run.caller == caller;
        self.0.retain(|run| !silent(run) && !again(run));
        // `dism.exe` may call the library itself: then its run goes on.
        let goes_on = caller.is_some_and(|process| self.of_process(process).is_some());
        if !goes_on {
            self.push(caller);
        }
        if let Some(run) = self.0.last_mut() {
            run.last_ms = head.printed_at_ms.or(run.last_ms);
        }
    }

    /// Takes out the run that a marker ends: the writer's own.
    pub(super) fn end(&mut self, writer: Writer) {
        let at = match writer {
            Writer::Caller(process) => self.0.iter().position(|run| run.caller == Some(process)),
            _ => self.of_program(None),
        };
        if let Some(at) = at {
            self.0.remove(at);
        }
    }

    /// A program's line that tells a code is of the run which failed with it.
    fn of_program(&mut self, code: Option<u32>) -> Option<usize> {
        let is_program = |run: &Run| run.caller.is_none();
        let named = code.and_then(|code| {
            let failed = |run: &Run| is_program(run) && run.knows(code);
            self.0.iter().rposition(failed)
        });
        if let Some(at) = named {
            // It speaks of its end: the next marker is its own.
            self.0[at..].rotate_left(1);
            return Some(self.0.len() - 1);
        }
        let newest = self.0.iter().rposition(is_program);
        newest.or_else(|| code.and_then(|code| self.0.iter().rposition(|run| run.knows(code))))
    }

    fn of_process(&self, process: u32) -> Option<usize> {
        self.0.iter().rposition(|run| run.is_of(process))
    }

    fn newest(&self) -> Option<usize> {
        self.0.len().checked_sub(1)
    }

    fn push(&mut self, caller: Option<u32>) {
        if self.0.len() == MAX_RUNS {
            self.0.remove(0);
        }
        self.0.push(Run {
            caller,
            ..Run::default()
        });
    }
}
