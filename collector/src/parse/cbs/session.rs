//! Servicing sessions: who asked, when it began (in UTC, by its id), how it
//! ended, and whether a reboot is owed.

use kbwatch_proto::words::{EventResult, Phase, TimeSource};

use super::super::clock::Trust;
use super::super::report::{Report, text};
use super::super::{scan, time};
use super::CbsGrammar;

impl CbsGrammar {
    /// `Session: ID …` and `Asynchronous Session: ID …`.
    pub(super) fn session_message(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        let rest = message.strip_prefix(b"Asynchronous ").unwrap_or(message);
        let Some(rest) = rest.strip_prefix(b"Session: ") else {
            return false;
        };
        let id = scan::lead(rest, |byte| byte.is_ascii_digit() || byte == b'_');
        let rest = rest[id.len()..].trim_ascii_start();
        if let Some(client) = rest.strip_prefix(b"initialized by client ") {
            self.session_began(id, client, report);
        } else if let Some(end) = rest.strip_prefix(b"finalized") {
            self.session_ended(id, end, report);
        }
        true
    }

    fn session_began(&mut self, id: &[u8], client: &[u8], report: &mut Report<'_>) {
        let client = scan::before(client, b", external");
        let client = client.strip_suffix(b".").unwrap_or(client);
        // Ids only grow: after the clock was set back they run ahead of it,
        // one by one, and say nothing about the time.
        let known = time::session_halves(id);
        let halves = known.unwrap_or_default();
        let last = std::mem::replace(&mut self.memory.last_session, halves);
        if halves != (last.0, last.1.wrapping_add(1)) {
            report.observe(
                self.record.start.1,
                self.record.printed_at_ms,
                known.and_then(time::filetime_instant),
                (TimeSource::SessionId, Trust::Firm),
            );
        }
        self.memory.session_mut(&text(id)).client = text(client);
    }

    fn session_ended(&mut self, id: &[u8], end: &[u8], report: &mut Report<'_>) {
        self.observe_session(id, report);
        let id = text(id);
        let reboot_required =
            scan::after(end, b"Reboot required: ").map(|answer| answer.starts_with(b"yes"));
        self.session_decides(&id, reboot_required, report);
        let session = self.memory.session(&id);
        let phase = session.and_then(|session| session.phase.parse().ok());
        let phase = phase.unwrap_or(Phase::Inventory);
        let mut event = self.begin(report, phase, EventResult::Info);
        if let Some(session) = session {
            event.client.clone_from(&session.client);
        }
        event.session_id = id;
        event.hresult = scan::hresult(end);
        event.reboot_required = reboot_required;
        report.tell(event);
    }

    /// Takes the age of a session for a hint at the offset of local time.
    pub(super) fn observe_session(&self, id: &[u8], report: &mut Report<'_>) {
        report.observe(
            self.record.start.1,
            self.record.printed_at_ms,
            time::session_instant(id),
            (TimeSource::SessionId, Trust::Later),
        );
    }
}
