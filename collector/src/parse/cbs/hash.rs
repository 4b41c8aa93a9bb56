//! Hash mismatches: a file's bytes are not what its manifest demands.
//!
//! Windows 10 names the file, prints `Expected` and `Actual`, and names the
//! component in a later record; Windows 7 and 8 print the component in the
//! path and `Found` before `Expected`.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase};

use super::super::report::{Report, add_evidence, put, text};
use super::super::scan;
use super::memory::Memory;
use super::{CbsGrammar, MAX_OPEN};

/// Key under which a mismatch repeats.
pub(super) fn key(scan: u64, event: &UpdateEvent) -> u64 {
    let parts = [
        "hash",
        &event.component,
        &event.file,
        &event.hash_expected,
        &event.hash_actual,
    ];
    Memory::key_in(scan, &parts)
}

impl CbsGrammar {
    /// `Hashes for file member …`.
    pub(super) fn hash_message(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        let Some(rest) = message.strip_prefix(b"Hashes for file member ") else {
            return false;
        };
        let mut event = self.begin_csi(report, Phase::CorruptionDetect, EventResult::HashMismatch);
        if rest.starts_with(b"[") {
            let Some((file, after)) = scan::counted(rest) else {
                return false;
            };
            event.file = text(file);
            read_hashes(&mut event, after);
        } else {
            let path = scan::before(rest, b" do not match");
            let after = scan::after(rest, b"actual file ").unwrap_or_default();
            let (file, after) = scan::counted(after).unwrap_or((b"", after));
            let (component, inner) = in_store(path).unwrap_or((b"", b""));
            event.component = text(component);
            event.file = text(if file.is_empty() { inner } else { file });
            if component.is_empty() {
                put(&mut event, "path", text(path));
            }
            read_hashes(&mut event, after);
        }
        self.open_damage(event, report);
        true
    }

    /// `Manifest hash for component [..]"COMP" does not match expected value.`
    pub(super) fn manifest_hash(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        let Some(rest) = message.strip_prefix(b"Manifest hash for component ") else {
            return false;
        };
        let Some((component, after)) = scan::counted(rest) else {
            return false;
        };
        let mut event = self.begin_csi(report, Phase::CorruptionDetect, EventResult::HashMismatch);
        event.component = text(component);
        put(&mut event, "corruption_kind", "manifest");
        read_hashes(&mut event, after);
        self.open_damage(event, report);
        true
    }

    /// `Warning: Unable to repair payload file ([..]'F') for component
    /// ([..]'COMP') …`: names the component of the mismatch before it.
    pub(super) fn unrepairable_payload(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        let Some(rest) = message.strip_prefix(b"Warning: Unable to repair payload file ") else {
            return false;
        };
        let Some((file, rest)) = scan::counted(rest) else {
            return false;
        };
        let component = rest.strip_prefix(b") for component");
        let component = component.or_else(|| scan::after(rest, b"for component"));
        let Some((component, _)) = component.and_then(scan::counted) else {
            return false;
        };
        let (file, component) = (text(file), text(component));
        let at = self
            .damages
            .iter()
            .rposition(|open| open.event.file.eq_ignore_ascii_case(&file));
        if let Some(at) = at {
            let mut damage = self.damages.remove(at);
            damage.enrich(|event| event.component = component);
            let scan = damage.scan;
            if self.memory.tell_once(key(scan, &damage.event)) {
                self.memory.tell_once(missing_key(scan, &damage.event));
                damage.close(report);
            }
            return true;
        }
        let mut event = self.begin_csi(
            report,
            Phase::CorruptionDetect,
            EventResult::CorruptUnrepaired,
        );
        event.component = component;
        event.file = file;
        if self.memory.tell_once(missing_key(self.memory.scan, &event)) {
            report.tell(event);
        }
        true
    }

    /// A continuation line of a mismatch: its hashes.
    pub(super) fn hash_line(&mut self, line: &[u8]) -> bool {
        let ordinal = self.record.ordinal;
        let Some(damage) = self.damages.last_mut().filter(|open| open.born == ordinal) else {
            return false;
        };
        damage.enrich(|event| {
            read_hashes(event, line);
            add_evidence(event, line);
        });
        true
    }

    #[inline]
    fn open_damage(&mut self, event: UpdateEvent, report: &mut Report<'_>) {
        if self.damages.len() == MAX_OPEN {
            self.close_damage(0, report);
        }
        let damage = self.open(event);
        self.damages.push(damage);
    }

    /// Closes mismatches that lack nothing.
    pub(super) fn close_complete_damages(&mut self, report: &mut Report<'_>) {
        let mut at = 0;
        while let Some(damage) = self.damages.get(at) {
            if damage.event.component.is_empty() {
                at += 1;
            } else {
                self.close_damage(at, report);
            }
        }
    }

    pub(super) fn close_damages(&mut self, report: &mut Report<'_>) {
        while !self.damages.is_empty() {
            self.close_damage(0, report);
        }
    }

    fn close_damage(&mut self, at: usize, report: &mut Report<'_>) {
        let damage = self.damages.remove(at);
        if self.memory.tell_once(key(damage.scan, &damage.event)) {
            damage.close(report);
        }
    }
}

fn missing_key(scan: u64, event: &UpdateEvent) -> u64 {
    Memory::key_in(scan, &["payload", &event.component, &event.file])
}

/// Component and inner path of a file in the store.
fn in_store(path: &[u8]) -> Option<(&[u8], &[u8])> {
    const STORE: &[u8] = b"\\winsxs\\";
    let at = path
        .windows(STORE.len())
        .position(|window| window.eq_ignore_ascii_case(STORE))?;
    let rest = &path[at + STORE.len()..];
    let end = memchr::memchr(b'\\', rest)?;
    Some((&rest[..end], &rest[end + 1..]))
}

/// Hashes of a line, whichever of the grammars it follows: a label and a blob,
/// once or twice.
fn read_hashes(event: &mut UpdateEvent, line: &[u8]) {
    let mut rest = line;
    while let Some(open) = scan::place(rest, b'{') {
        let (label, blob) = rest.split_at(open);
        rest = &blob[1..];
        let Some(hash) = scan::blob(blob) else {
            continue;
        };
        if scan::contains(label, b"Expected:") {
            event.hash_expected = text(hash);
        } else if scan::contains(label, b"Actual:") || scan::contains(label, b"Found:") {
            event.hash_actual = text(hash);
            if !scan::is_hex(hash) {
                put(event, "hash_encoding", "base64");
            }
        }
    }
}
