//! CBS.log on a Windows that a test owns.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use kbwatch_collector::parse::{FileKind, parse_file};

use super::DEVICE;
use crate::wine::Wine;

/// CBS.log as Windows writes it: grows, and is renamed when it is long.
pub(super) struct ServicingLog {
    folder: PathBuf,
    archives: usize,
}

impl ServicingLog {
    pub(super) fn new(wine: &Wine) -> Self {
        let folder = wine.drive_c().join("windows/logs/CBS");
        fs::create_dir_all(&folder).unwrap();
        Self {
            folder,
            archives: 0,
        }
    }

    pub(super) fn append(&self, text: &str) {
        let mut live = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("CBS.log"))
            .unwrap();
        live.write_all(text.as_bytes()).unwrap();
    }

    /// Renames the live log; the next line begins another.
    pub(super) fn rotate(&mut self) {
        let archive = self.next_archive();
        fs::rename(self.folder.join("CBS.log"), self.folder.join(archive)).unwrap();
    }

    /// The same by a program of this Windows, which must be let through while
    /// the collector reads.
    pub(super) fn rotate_within(&mut self, wine: &Wine) {
        let archive = self.next_archive();
        let live = r"C:\Windows\Logs\CBS\CBS.log";
        let (code, said) = wine.run(&["cmd", "/c", "ren", live, &archive]);
        assert_eq!(code, Some(0), "{said}");
        assert!(self.folder.join(archive).exists());
    }

    fn next_archive(&mut self) -> String {
        self.archives += 1;
        format!("CbsPersist_202301120000{:02}.log", self.archives)
    }

    /// The ids of all events in all files, by the same grammars.
    pub(super) fn expected(&self) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        for entry in fs::read_dir(&self.folder).unwrap() {
            let path = entry.unwrap().path();
            let parsed = parse_file(&path, Some(FileKind::Cbs), DEVICE).unwrap();
            ids.extend(parsed.events.iter().map(|event| {
                let mut id = String::new();
                for byte in event.event_id.0 {
                    write!(id, "{byte:02x}").unwrap();
                }
                id
            }));
        }
        ids
    }
}

/// One servicing session that fails, in the words of CBS.log.
pub(super) fn session(number: usize) -> String {
    let time = format!(
        "2023-01-11 {:02}:{:02}:{:02}",
        8 + number / 3600,
        number / 60 % 60,
        number % 60
    );
    let session = format!("31008088_{}", 179_744_519 + number);
    let package = "Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.3887.1.6";
    let code = "[HRESULT = 0x800f0985 - PSFX_E_APPLY_REVERSE_DELTA_FAILED]";
    format!(
        "{time}, Info                  CBS    Exec: Processing started.  Client: UpdateAgentLCU, Session: {session}, Package: {package}, Identifier: KB5022286\r\n\
         {time}, Info                  CBS    Exec: Processing complete.  Session: {session}, Package: {package}, Identifier: KB5022286 {code}\r\n\
         {time}, Info                  CBS    Session: {session} finalized. Reboot required: no {code}\r\n"
    )
}
