//! The collector as it is shipped, in a process of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Failure;

/// Who the measured collector says it is.
pub(crate) const DEVICE: &str = "bench-1";

/// A running collector; killed when dropped.
pub(crate) struct CollectorProcess {
    child: Child,
}

impl CollectorProcess {
    /// Starts `kbwatch-collector run` on the CBS.log of a folder.
    pub(crate) fn start(folder: &Path, port: u16, options: &[&str]) -> Result<Self, Failure> {
        let config = folder.join("collector.toml");
        let text = format!(
            "gateway = \"http://127.0.0.1:{port}\"\ndeclared_device = \"{DEVICE}\"\n\
             state_dir = '{}'\nhistory_days = 36500\nutc_offset_minutes = 0\n\
             read_max_bytes_per_s = 0\nsend_max_bytes_per_s = 0\nstart_spread_ms = 0\n\
             [sources]\ncbs_log = '{}'\n",
            folder.join("state").display(),
            folder.join("CBS.log").display(),
        );
        fs::write(&config, text)?;
        let child = Command::new(program()?)
            .args(["run", "--config"])
            .arg(config)
            .args(options)
            .env("RUST_LOG", "error")
            .stdin(Stdio::null())
            .spawn()?;
        Ok(Self { child })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end; returns its largest memory in KiB, as far as it was
    /// seen.
    pub(crate) fn watch_to_its_end(mut self) -> Result<u64, Failure> {
        let mut peak = 0;
        loop {
            peak = peak.max(status_kib(self.id(), "VmHWM:").unwrap_or(0));
            if let Some(status) = self.child.try_wait()? {
                if !status.success() {
                    return Err(format!("the collector ended with {status}").into());
                }
                return Ok(peak);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for CollectorProcess {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The shipped program, beside this one.
pub(crate) fn program() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()?;
    let program = own.with_file_name("kbwatch-collector");
    if program.exists() {
        return Ok(program);
    }
    Err(format!("{} is missing: use ./run bench", program.display()).into())
}

/// A line of `/proc/PID/status` that counts KiB.
pub(crate) fn status_kib(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
