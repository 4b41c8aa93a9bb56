//! What a CBS grammar remembers beyond open records; survives a restart.
//!
//! Findings repeat within a scan or an operation, and there they are one. What
//! was told is kept by scan, and a restart goes on in the scan of the record
//! that it reads first: then lines that are read twice meet the same memory.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

const MAX_TOLD: usize = 1024;

/// A finding that is told again later than this is a new one.
const REPEAT_MINUTES: i64 = 6 * 60;

const MAX_SESSIONS: usize = 32;

/// Memory of one log.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Keys of findings that were told, and the minute in which, oldest first.
    told: VecDeque<(u64, i64)>,
    /// The same by key, with the last minute of each.
    #[serde(skip)]
    told_at: HashMap<u64, i64, BuildHasherDefault<KeyItself>>,
    /// Minute of the record that is being read; one without a stamp keeps it.
    #[serde(default)]
    minute: i64,
    sessions: VecDeque<Session>,
    /// Names the scan, operation or boot under way.
    pub(super) scan: u64,
    /// Failure that made a boot roll back.
    pub(super) original_failure: Option<u32>,
    /// Halves of the last session id.
    pub(super) last_session: (u32, u32),
}

/// A servicing session.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) client: String,
    /// Word of the phase its work belongs to; empty while unknown.
    pub(super) phase: String,
}

impl Memory {
    /// Key of a finding within the current scan.
    pub(super) fn key(&self, parts: &[&str]) -> u64 {
        Self::key_in(self.scan, parts)
    }

    /// Key of a finding within a scan.
    pub(super) fn key_in(scan: u64, parts: &[&str]) -> u64 {
        let mut folded = Folded::new(scan);
        for part in parts {
            folded.add(part.as_bytes());
            folded.end_part();
        }
        folded.finish()
    }

    /// The memory with which lines of that scan are to be read.
    pub(super) fn as_of(&self, scan: u64) -> Self {
        Self {
            scan,
            ..self.clone()
        }
    }

    /// Sets the clock to a record's wall clock.
    pub(super) fn set_clock(&mut self, printed_at_ms: Option<i64>) {
        if let Some(ms) = printed_at_ms {
            self.minute = ms.div_euclid(60_000);
        }
    }

    /// Whether a finding was told within the last hours.
    pub(super) fn was_told(&self, key: u64) -> bool {
        let told = self.told_at.get(&key);
        told.is_some_and(|minute| (self.minute - minute).abs() <= REPEAT_MINUTES)
    }

    /// Makes what was stored ready for use.
    pub(super) fn recalled(mut self) -> Self {
        self.told_at = self.told.iter().copied().collect();
        self
    }

    /// Remembers a finding; false where it was told before.
    pub(super) fn tell_once(&mut self, key: u64) -> bool {
        if self.was_told(key) {
            return false;
        }
        if self.told.len() == MAX_TOLD
            && let Some((oldest, minute)) = self.told.pop_front()
            && self.told_at.get(&oldest) == Some(&minute)
        {
            self.told_at.remove(&oldest);
        }
        self.told.push_back((key, self.minute));
        self.told_at.insert(key, self.minute);
        true
    }

    /// Names a scan after the record that began it.
    pub(super) fn begin_scan(&mut self, head: &[u8]) {
        self.scan = XxHash3_64::oneshot(head);
    }

    /// What is known of a session.
    pub(super) fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.iter().rev().find(|session| session.id == id)
    }

    /// The session with this id, newly remembered if need be.
    pub(super) fn session_mut(&mut self, id: &str) -> &mut Session {
        let at = self.sessions.iter().rposition(|session| session.id == id);
        let at = at.unwrap_or_else(|| {
            if self.sessions.len() == MAX_SESSIONS {
                self.sessions.pop_front();
            }
            self.sessions.push_back(Session {
                id: id.chars().take(64).collect(),
                ..Session::default()
            });
            self.sessions.len() - 1
        });
        &mut self.sessions[at]
    }
}

/// Keys are hashes: no need to hash them again.
#[derive(Debug, Clone, Default)]
struct KeyItself(u64);

impl Hasher for KeyItself {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = XxHash3_64::oneshot_with_seed(self.0, bytes);
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Ends a part of a key: no byte of UTF-8.
const END: u8 = 0xff;

/// Bytes that are hashed at once; this many the hash takes in quickly.
const PIECE_LEN: usize = 240;

/// Hash of a text whose ASCII letters count in either case.
struct Folded {
    hash: u64,
    piece: [u8; PIECE_LEN],
    length: usize,
}

impl Folded {
    fn new(seed: u64) -> Self {
        Self {
            hash: seed,
            piece: [0; PIECE_LEN],
            length: 0,
        }
    }

    fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.length == PIECE_LEN {
                self.hash = self.hash_piece();
                self.length = 0;
            }
            let room = PIECE_LEN - self.length;
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.piece[self.length..][..now.len()].copy_from_slice(now);
            self.length += now.len();
            bytes = later;
        }
    }

    fn end_part(&mut self) {
        if let Some(next) = self.piece.get_mut(self.length) {
            *next = END;
            self.length += 1;
        } else {
            self.add(&[END]);
        }
    }

    fn hash_piece(&mut self) -> u64 {
        let piece = &mut self.piece[..self.length];
        piece.make_ascii_lowercase();
        XxHash3_64::oneshot_with_seed(self.hash, piece)
    }

    fn finish(mut self) -> u64 {
        self.hash_piece()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_told_once_a_scan() {
        let mut memory = Memory::default();
        let key = memory.key(&["comp", "File.dll"]);
        assert!(memory.tell_once(key));
        assert!(!memory.tell_once(memory.key(&["comp", "file.DLL"])));
        memory.begin_scan(b"2023-01-11 09:00:00, Info CSI 0001 Starting");
        assert!(memory.tell_once(memory.key(&["comp", "File.dll"])));
    }

    #[test]
    fn memory_stays_within_bounds() {
        let mut memory = Memory::default();
        for number in 0..5000 {
            let name = number.to_string();
            memory.tell_once(memory.key(&[&name]));
            memory.session_mut(&name);
        }
        assert_eq!(memory.told.len(), MAX_TOLD);
        assert_eq!(memory.sessions.len(), MAX_SESSIONS);
    }
}
