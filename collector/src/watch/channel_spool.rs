//! Records of event channels on their way into the collector: a small file
//! that grows, and a note of the last record carried from each channel.
//!
//! The file is followed like every log. The note is written after the records:
//! a crash in between carries them twice, which the same ids make harmless.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

const FILE_NAME: &str = "events.xml";
const OLD_NAME: &str = "events.old.xml";
const NOTE_NAME: &str = "events.json";

/// Length at which another file begins; the one before is kept until then.
const MAX_LEN: u64 = 8 * 1024 * 1024;

/// A record, by its number, and by when it was written: a channel that was
/// cleared gives the number to another one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Carried {
    pub(crate) id: u64,
    /// As the record prints it.
    pub(crate) written_at: String,
}

impl Carried {
    fn of(id: u64, xml: &str) -> Self {
        let written_at = written_at(xml).unwrap_or_default().to_owned();
        Self { id, written_at }
    }

    /// Whether what the channel holds under this number is another record.
    pub(crate) fn is_other(&self, xml: &str) -> bool {
        *self != Self::of(self.id, xml)
    }
}

/// The file, and what it holds of each channel.
#[derive(Debug)]
pub(crate) struct ChannelSpool {
    folder: PathBuf,
    path: PathBuf,
    /// The last record carried, by channel.
    last: BTreeMap<String, Carried>,
    max_len: u64,
}

impl ChannelSpool {
    /// Goes on where an earlier process stopped. Without a readable note all
    /// is carried again.
    pub(crate) fn open(state_dir: &Path) -> Self {
        let note = fs::read(state_dir.join(NOTE_NAME));
        let last = note
            .ok()
            .and_then(|note| serde_json::from_slice(&note).ok());
        Self {
            folder: state_dir.to_owned(),
            path: Self::file_in(state_dir),
            last: last.unwrap_or_default(),
            max_len: MAX_LEN,
        }
    }

    /// The file to follow, in a state folder.
    pub(crate) fn file_in(state_dir: &Path) -> PathBuf {
        state_dir.join(FILE_NAME)
    }

    /// The last record carried; its number is 0 before the first.
    pub(crate) fn last(&self, channel: &str) -> Carried {
        self.last.get(channel).cloned().unwrap_or_default()
    }

    /// The channel numbers its records anew.
    pub(crate) fn forget(&mut self, channel: &str) {
        self.last.remove(channel);
    }

    /// Adds records, by number and XML, and notes the highest number.
    pub(crate) fn append(&mut self, channel: &str, records: &[(u64, String)]) -> io::Result<()> {
        let Some((id, xml)) = records.iter().max_by_key(|(id, _)| *id) else {
            return Ok(());
        };
        if fs::metadata(&self.path).is_ok_and(|found| found.len() > self.max_len) {
            fs::rename(&self.path, self.folder.join(OLD_NAME))?;
        }
        // Ends whatever a torn write left behind.
        let mut text = String::from("\n");
        for (_, xml) in records {
            text.push_str(xml);
            text.push('\n');
        }
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)?;
        file.write_all(text.as_bytes())?;
        // The note must not be on the disk before the records are.
        file.sync_data()?;
        self.last.insert(channel.to_owned(), Carried::of(*id, xml));
        let fresh = self.folder.join("events.json.new");
        fs::write(&fresh, serde_json::to_vec(&self.last)?)?;
        fs::rename(&fresh, self.folder.join(NOTE_NAME))
    }
}

/// Number of a record within its channel.
pub(crate) fn record_id(xml: &str) -> Option<u64> {
    let (_, rest) = xml.split_once("<EventRecordID>")?;
    let (number, _) = rest.split_once("</EventRecordID>")?;
    number.trim().parse().ok()
}

/// When a record was written, as it prints it.
fn written_at(xml: &str) -> Option<&str> {
    let (_, rest) = xml.split_once("SystemTime=")?;
    let quote = rest.chars().next()?;
    rest.strip_prefix(quote)?.split(quote).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: u64) -> (u64, String) {
        let xml = format!("<Event><System><EventRecordID>{id}</EventRecordID></System></Event>");
        assert_eq!(record_id(&xml), Some(id));
        (id, xml)
    }

    #[test]
    fn the_next_process_goes_on_behind_the_last_record() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = ChannelSpool::open(folder.path());
        spool.append("System", &[record(7), record(9)]).unwrap();
        spool.append("Setup", &[record(3)]).unwrap();
        let again = ChannelSpool::open(folder.path());
        assert_eq!((again.last("System").id, again.last("Setup").id), (9, 3));
        assert_eq!(again.last("Security").id, 0);
        let text = fs::read_to_string(&again.path).unwrap();
        assert_eq!(text.lines().filter(|line| !line.is_empty()).count(), 3);
    }

    #[test]
    fn a_record_behind_a_torn_write_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = ChannelSpool::open(folder.path());
        fs::write(&spool.path, "<Event xmlns='x'><System><EventID>20").unwrap();
        let failed = "<Event><System>\
            <Provider Name='Microsoft-Windows-WindowsUpdateClient'/><EventID>20</EventID>\
            <EventRecordID>8</EventRecordID><Channel>System</Channel></System><EventData>\
            <Data Name='errorCode'>0x800f0985</Data></EventData></Event>";
        spool.append("System", &[(8, failed.to_owned())]).unwrap();
        let parsed = crate::parse::parse_file(&spool.path, None, "pc-1").unwrap();
        let codes: Vec<_> = parsed.events.iter().map(|event| event.hresult).collect();
        assert_eq!(codes, [Some(0x800f_0985)]);
    }

    #[test]
    fn a_long_file_is_renamed_and_another_begins() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = ChannelSpool::open(folder.path());
        spool.max_len = 10;
        spool.append("System", &[record(1)]).unwrap();
        spool.append("System", &[record(2)]).unwrap();
        let old = fs::read_to_string(folder.path().join(OLD_NAME)).unwrap();
        assert!(old.contains(">1<"), "{old}");
        let live = fs::read_to_string(&spool.path).unwrap();
        assert!(live.contains(">2<") && !live.contains(">1<"), "{live}");
    }

    #[test]
    fn a_channel_that_was_cleared_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = ChannelSpool::open(folder.path());
        spool.append("System", &[record(7)]).unwrap();
        spool.forget("System");
        assert_eq!(spool.last("System"), Carried::default());
    }

    #[test]
    fn a_number_that_was_given_again_is_another_record() {
        let written = |at: &str| {
            format!(
                "<Event><System><TimeCreated SystemTime='{at}'/>\
                 <EventRecordID>7</EventRecordID></System></Event>"
            )
        };
        let folder = tempfile::tempdir().unwrap();
        let mut spool = ChannelSpool::open(folder.path());
        let first = written("2023-02-14T03:00:00.1234567Z");
        spool.append("System", &[(7, first.clone())]).unwrap();
        let carried = ChannelSpool::open(folder.path()).last("System");
        assert!(!carried.is_other(&first));
        assert!(!carried.is_other(&first.replace('\'', "\"")));
        assert!(carried.is_other(&written("2023-02-15T03:00:00.1234567Z")));
    }

    #[test]
    fn a_channel_without_news_costs_no_write() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = ChannelSpool::open(folder.path());
        spool.append("System", &[]).unwrap();
        assert!(!spool.path.exists());
    }
}
