//! Records of event channels on their way into the collector: a small file
//! that grows, and a note of the last record carried from each channel.
//!
//! The file is followed like every log. The note is written after the records:
//! a crash in between carries them twice, which the same ids make harmless.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const FILE_NAME: &str = "events.xml";
const OLD_NAME: &str = "events.old.xml";
const NOTE_NAME: &str = "events.json";

/// Length at which another file begins; the one before is kept until then.
const MAX_LEN: u64 = 8 * 1024 * 1024;

/// The file, and what it holds of each channel.
#[derive(Debug)]
pub(crate) struct ChannelSpool {
    folder: PathBuf,
    path: PathBuf,
    /// Number of the last record carried, by channel.
    last: BTreeMap<String, u64>,
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

    /// Number of the last record carried; 0 before the first.
    pub(crate) fn last(&self, channel: &str) -> u64 {
        self.last.get(channel).copied().unwrap_or(0)
    }

    /// The channel numbers its records anew.
    pub(crate) fn forget(&mut self, channel: &str) {
        self.last.remove(channel);
    }

    /// Adds records, by number and XML, and notes the highest number.
    pub(crate) fn append(&mut self, channel: &str, records: &[(u64, String)]) -> io::Result<()> {
        let Some(highest) = records.iter().map(|(id, _)| *id).max() else {
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
        self.last.insert(channel.to_owned(), highest);
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
        assert_eq!((again.last("System"), again.last("Setup")), (9, 3));
        assert_eq!(again.last("Security"), 0);
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
        assert_eq!(spool.last("System"), 0);
    }

    #[test]
    fn a_channel_without_news_costs_no_write() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = ChannelSpool::open(folder.path());
        spool.append("System", &[]).unwrap();
        assert!(!spool.path.exists());
    }
}
