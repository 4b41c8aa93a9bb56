//! What the device says of itself: open pairs of names and values.
//!
//! They come from a file where one is named, else from what the operating
//! system offers without asking anyone: on Windows the registry.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kbwatch_proto::event::{MAX_FACTS, MAX_TEXT_LEN};

use crate::parse::mask;
use crate::watch::file_id::Signature;

/// Longest name of a fact, in bytes.
const MAX_NAME_LEN: usize = 64;

/// Largest facts file, in bytes.
const MAX_FILE_LEN: u64 = 256 * 1024;

/// Where the facts come from.
#[derive(Debug)]
pub(crate) struct FactsSource {
    file: Option<PathBuf>,
    seen: Option<Signature>,
    machine_due: bool,
    in_trouble: bool,
}

impl FactsSource {
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        Self {
            file,
            seen: None,
            machine_due: true,
            in_trouble: false,
        }
    }

    /// The machine itself is asked anew at the next look; a file is watched
    /// anyway.
    pub(crate) fn ask_again(&mut self) {
        self.machine_due = true;
    }

    /// All facts, if they may have changed since the last look. A file that is
    /// missing or damaged changes nothing.
    pub(crate) fn look(&mut self) -> Option<BTreeMap<String, String>> {
        let Some(path) = &self.file else {
            return std::mem::take(&mut self.machine_due).then(of_machine);
        };
        let signature = Signature::at(path).ok();
        if signature.is_some() && signature == self.seen {
            return None;
        }
        match read_file(path) {
            Ok(facts) => {
                self.seen = signature;
                self.in_trouble = false;
                Some(facts)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.in_trouble, true) {
                    tracing::warn!(path = %path.display(), %error, "facts cannot be read, keeping the last");
                }
                None
            }
        }
    }
}

fn read_file(path: &Path) -> io::Result<BTreeMap<String, String>> {
    if fs::metadata(path)?.len() > MAX_FILE_LEN {
        return Err(io::Error::other("larger than 256 KiB"));
    }
    let text = fs::read(path)?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let facts: BTreeMap<String, String> = serde_json::from_slice(text)?;
    Ok(bounded(facts))
}

/// Drops what no server would store: odd names, endless values, too many.
/// Values are masked as all that leaves the device.
fn bounded(facts: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let fits = |name: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        !name.is_empty() && name.len() <= MAX_NAME_LEN && name.bytes().all(plain)
    };
    let total = facts.len();
    let kept: BTreeMap<_, _> = facts
        .into_iter()
        .filter(|(name, value)| fits(name) && value.len() <= MAX_TEXT_LEN)
        .map(|(name, value)| (name, mask(&value)))
        .take(MAX_FACTS)
        .collect();
    if kept.len() < total {
        let dropped = total - kept.len();
        tracing::warn!(
            dropped,
            "facts with odd names, long values or over the limit are left out"
        );
    }
    kept
}

#[cfg(windows)]
fn of_machine() -> BTreeMap<String, String> {
    bounded(crate::windows::facts::read())
}

/// What /etc and the kernel say; each fact is left out where they are silent.
#[cfg(not(windows))]
fn of_machine() -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut state = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.insert(name.to_owned(), value);
        }
    };
    let kernel = |file: &str| first_line(&Path::new("/proc/sys/kernel").join(file));
    state("hostname", kernel("hostname"));
    state("kernel", kernel("osrelease"));
    state("arch", Some(architecture().to_owned()));
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let field = |name: &str| {
        let found = release.lines().find_map(|line| line.strip_prefix(name));
        found.map(|value| value.trim_matches('"').to_owned())
    };
    state("os", field("ID="));
    state("os_version", field("VERSION_ID="));
    bounded(facts)
}

#[cfg(not(windows))]
fn first_line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

/// The architecture in the words of Windows packages.
#[cfg(not(windows))]
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_again_only_when_their_file_changes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), r#"{"ubr": "3770"}"#).unwrap();
        let mut source = FactsSource::new(Some(file.path().to_owned()));
        assert_eq!(source.look().unwrap()["ubr"], "3770");
        assert_eq!(source.look(), None);
        fs::write(file.path(), r#"{"ubr": "3887", "a": "b"}"#).unwrap();
        assert_eq!(source.look().unwrap()["ubr"], "3887");
    }

    #[test]
    fn a_damaged_facts_file_changes_nothing_and_is_read_once_mended() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), r#"{"ubr": "#).unwrap();
        let mut source = FactsSource::new(Some(file.path().to_owned()));
        assert_eq!(source.look(), None);
        fs::write(file.path(), r#"{"ubr": "1"}"#).unwrap();
        assert!(source.look().is_some());
    }

    #[test]
    fn a_fact_names_neither_a_user_nor_a_password() {
        let told = [
            ("wsus", "http://svc:geheim@wsus.bank.example:8530"),
            ("image", r"C:\Users\wang\gold.wim"),
        ];
        let told = told.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let kept = bounded(told.into());
        assert_eq!(kept["wsus"], "http://***@wsus.bank.example:8530");
        assert_eq!(kept["image"], r"C:\Users\***\***.wim");
    }

    #[test]
    fn odd_names_and_endless_values_are_left_out() {
        let facts = [
            ("ubr".to_owned(), "1".to_owned()),
            ("Odd Name".to_owned(), "1".to_owned()),
            ("long".to_owned(), "x".repeat(MAX_TEXT_LEN + 1)),
        ];
        let kept = bounded(facts.into());
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["ubr"]);
    }

    #[test]
    fn the_machine_is_asked_once_until_told_to_ask_again() {
        let mut source = FactsSource::new(None);
        assert!(source.look().unwrap().contains_key("arch"));
        assert_eq!(source.look(), None);
        source.ask_again();
        assert!(source.look().is_some());
    }
}
