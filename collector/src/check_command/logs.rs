//! The logs: whether they can be read, and how far they were.

use std::io;
use std::path::Path;

use super::screen::{Screen, ago, size};
use crate::config::{CollectorConfig, SourcesConfig};
use crate::remember::{Memory, Notebook, RememberedFile};
use crate::watch::opened::Opened;

/// Error of Windows: another program shares the file with nobody.
const ERROR_SHARING_VIOLATION: i32 = 32;

/// What is taken for the last record of a log, in bytes.
const LAST_RECORD_LEN: u64 = 4096;

/// Shows a line per log that is to be read.
pub(super) fn look(
    config: &CollectorConfig,
    device_id: Option<&str>,
    now_ms: i64,
    screen: &mut Screen,
) {
    let mut memory = device_id.map_or_else(Memory::default, |device_id| {
        Notebook::new(&config.state_dir, device_id).load()
    });
    #[cfg(windows)]
    if config.sources.event_channels {
        for (channel, error) in crate::windows::event_channels::unreadable() {
            screen.fault(
                format!("the event log {channel} cannot be read: {error}"),
                "run this as an administrator; if it stays so, run install.ps1 again, which grants the service its rights",
            );
        }
    }
    let sources = sources(&config.sources);
    if sources.is_empty() {
        screen.fault(
            "no log is read",
            "name the logs under [sources] of the configuration",
        );
    }
    let missing = |(_, path): &(&str, &Path)| matches!(path.try_exists(), Ok(false));
    if !sources.is_empty() && sources.iter().all(missing) {
        screen.fault(
            "none of the logs is there",
            "correct the paths under [sources] of the configuration",
        );
    }
    for (at, (name, path)) in sources.into_iter().enumerate() {
        let label = if at == 0 { "reads" } else { "" };
        let text = describe(name, path, &memory.take_files(name), now_ms, screen);
        screen.line(label, text);
    }
    // Those that are not there are no news.
    for path in config.sources.more.iter().filter(|path| path.exists()) {
        let key = format!("more {}", path.display());
        let text = describe("more", path, &memory.take_files(&key), now_ms, screen);
        screen.line("", text);
    }
}

fn sources(sources: &SourcesConfig) -> Vec<(&'static str, &Path)> {
    [
        ("cbs_log", &sources.cbs_log),
        ("dism_log", &sources.dism_log),
        ("event_xml", &sources.event_xml),
        ("installed_updates", &sources.installed_updates),
        ("windows_update_log", &sources.windows_update_log),
    ]
    .into_iter()
    .filter_map(|(name, path)| Some((name, path.as_deref()?)))
    .collect()
}

fn describe(
    name: &str,
    path: &Path,
    files: &[RememberedFile],
    now_ms: i64,
    screen: &mut Screen,
) -> String {
    let shown = path.display();
    let opened = match Opened::open(path) {
        Ok(opened) => opened,
        Err(error) => return format!("{shown}: {}", trouble(name, path, &error, screen)),
    };
    let len = opened.signature.len;
    let known = files
        .iter()
        .find(|file| file.id == opened.signature.id && file.fingerprint.matches(&opened.head));
    let read = known.map_or(0, |file| file.checkpoint.offset).min(len);
    let how_far = match (known, len - read) {
        (None, _) => "nothing read yet".to_owned(),
        (Some(_), 0) => "read to its end".to_owned(),
        // It may still get another line: the next start reads it again.
        (Some(_), 1..=LAST_RECORD_LEN) => "read to its last record".to_owned(),
        (Some(_), rest) => format!("{} not receipted yet", size(rest)),
    };
    let written = written_ms(path).map_or_else(String::new, |written_ms| {
        format!(", written {}", ago(written_ms, now_ms))
    });
    let archives = files.len().saturating_sub(usize::from(known.is_some()));
    let archives = match archives {
        0 => String::new(),
        _ => format!(", and {archives} older files"),
    };
    format!("{shown}: {}, {how_far}{written}{archives}", size(len))
}

/// What keeps a log from being read, in a few words; wrong or not.
fn trouble(name: &str, path: &Path, error: &io::Error, screen: &mut Screen) -> &'static str {
    let shown = path.display();
    if error.raw_os_error() == Some(ERROR_SHARING_VIOLATION) && cfg!(windows) {
        screen.fault(
            format!("{shown} is held by a program that lets nobody else read it"),
            "find the program (often a security product that scans it) and exempt the file there",
        );
        return "held by another program";
    }
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            // dism.log exists only after DISM ran, and lists only where someone
            // writes them.
            if name == "cbs_log" {
                screen.fault(
                    format!("{shown} is not there, and every Windows has one"),
                    format!(
                        "correct sources.{name}; if the path is right, look why servicing is silent"
                    ),
                );
            }
            "is not there"
        }
        io::ErrorKind::PermissionDenied => {
            screen.fault(
                format!("{shown} may not be read"),
                "run this as an administrator; if it stays so, run install.ps1 again, which grants the service its rights",
            );
            "access denied"
        }
        _ => {
            screen.fault(
                format!("{shown} cannot be read: {error}"),
                "check the disk and the path",
            );
            "cannot be read"
        }
    }
}

fn written_ms(path: &Path) -> Option<i64> {
    let modified = std::fs::metadata(path).ok()?.modified().ok()?;
    let since = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}
