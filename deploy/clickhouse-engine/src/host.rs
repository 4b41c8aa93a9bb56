//! The child's side: holds the data folder, runs ClickHouse, dies with its parent.
//!
//! The parent keeps the other end of standard input open for as long as it
//! lives; the kernel closes it however the parent ends.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::data_folder::DataFolder;
use crate::library::{leave, run_clickhouse};
use crate::{EXIT_DATA_FOLDER, server_config};

/// First argument that makes an executable a host.
pub(crate) const HOST_ARGUMENT: &str = "engine-host";

/// Layout of the engine's folder. ClickHouse reads folders of older versions
/// itself; this changes only when ours does.
const LAYOUT: &str = "kbwatch clickhouse 1";

/// The server ended by itself or could not listen.
pub(crate) const EXIT_SERVER: i32 = 70;

/// How long a restart waits for the one before it to give the folder back.
const LOCK_PATIENCE: Duration = Duration::from_secs(15);

/// Becomes the ClickHouse host if this process was started as one, and then
/// never returns. Call it first thing in `main`.
pub fn host_if_asked() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == HOST_ARGUMENT) {
        host(&arguments.collect::<Vec<_>>());
    }
}

/// What the parent tells the host, in this order.
pub(crate) struct HostOrder {
    pub(crate) data_dir: PathBuf,
    pub(crate) library: PathBuf,
    pub(crate) http_port: u16,
    pub(crate) memory_mb: u64,
    pub(crate) ephemeral: bool,
}

impl HostOrder {
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        vec![
            HOST_ARGUMENT.into(),
            self.data_dir.clone().into(),
            self.library.clone().into(),
            self.http_port.to_string().into(),
            self.memory_mb.to_string().into(),
            if self.ephemeral { "ephemeral" } else { "kept" }.into(),
        ]
    }

    fn parse(arguments: &[OsString]) -> Option<Self> {
        let [data_dir, library, http_port, memory_mb, life] = arguments else {
            return None;
        };
        Some(Self {
            data_dir: data_dir.into(),
            library: library.into(),
            http_port: http_port.to_str()?.parse().ok()?,
            memory_mb: memory_mb.to_str()?.parse().ok()?,
            ephemeral: life == "ephemeral",
        })
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the parent reads the host's errors from its standard error"
)]
fn say(text: &str) {
    eprintln!("{}", text.trim());
}

fn host(arguments: &[OsString]) -> ! {
    let Some(order) = HostOrder::parse(arguments) else {
        say("engine-host is started by kbwatch itself, not by hand");
        leave(64);
    };
    let folder = match DataFolder::claim(&order.data_dir, LAYOUT, LOCK_PATIENCE) {
        Ok(folder) => folder,
        Err(error) => {
            say(&error.to_string());
            leave(EXIT_DATA_FOLDER);
        }
    };
    // The first line is the password, which thereby is in no process list.
    let password = read_line();
    let config = match server_config::write(folder.path(), &password, order.memory_mb) {
        Ok(config) => config,
        Err(error) => {
            say(&format!(
                "data folder {} is not writable: {error}",
                folder.path().display()
            ));
            leave(EXIT_DATA_FOLDER);
        }
    };
    let arguments = clickhouse_arguments(folder.path(), &config, order.http_port);
    let library = order.library;
    std::thread::spawn(move || {
        match run_clickhouse(&library, &arguments) {
            Ok(()) => say("ClickHouse ended by itself"),
            Err(error) => say(&error),
        }
        leave(EXIT_SERVER);
    });
    wait_for_parent();
    if order.ephemeral {
        remove(folder.path());
    }
    leave(0);
}

fn clickhouse_arguments(folder: &Path, config: &Path, http_port: u16) -> Vec<String> {
    vec![
        "clickhouse".to_owned(),
        format!("--path={}", folder.join("clickhouse").display()),
        "--listen_host=127.0.0.1".to_owned(),
        format!("--http_port={http_port}"),
        format!("--config-file={}", config.display()),
        "--query".to_owned(),
        // The last statement never ends and so keeps the server alive.
        "SYSTEM START LISTEN HTTP; SELECT sleepEachRow(1) FROM system.numbers \
         SETTINGS max_block_size = 1 FORMAT Null"
            .to_owned(),
    ]
}

fn read_line() -> String {
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line).is_err() {
        leave(0);
    }
    line.trim_end().to_owned()
}

/// Returns when the parent has closed its end.
fn wait_for_parent() {
    let mut rest = [0_u8; 64];
    let mut input = std::io::stdin().lock();
    while matches!(input.read(&mut rest), Ok(read) if read > 0) {}
}

/// The server's threads still write meanwhile: a second look takes what they added.
fn remove(folder: &Path) {
    for _ in 0..5 {
        if std::fs::remove_dir_all(folder).is_ok() {
            return;
        }
    }
}
