//! Events that wait for a later record to complete them.
//!
//! Promise: an event is told at the latest when the log falls quiet; if a
//! later record still adds to it, it is told again under the same id.

use kbwatch_proto::event::UpdateEvent;

use super::report::Report;

/// An event that is still open.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// What is known so far.
    pub(crate) event: UpdateEvent,
    /// Where its record starts: the place to read again from after a restart.
    pub(crate) start: (u64, u64),
    /// Number of the record that opened it.
    pub(crate) born: u64,
    /// Scan or operation that was under way when it opened.
    pub(crate) scan: u64,
    /// Whether it says more than what was last told of it.
    untold: bool,
    /// Whether its code was counted.
    noted: bool,
}

impl Pending {
    /// Opens an event that starts at `start` (offset, line) with record `born`.
    #[inline]
    pub(crate) fn open(event: UpdateEvent, start: (u64, u64), born: u64) -> Self {
        Self {
            event,
            start,
            born,
            scan: 0,
            untold: true,
            noted: false,
        }
    }

    /// Notes which scan or operation was under way.
    #[inline]
    pub(crate) fn within(mut self, scan: u64) -> Self {
        self.scan = scan;
        self
    }

    /// Adds what a later record says.
    pub(crate) fn enrich(&mut self, add: impl FnOnce(&mut UpdateEvent)) {
        add(&mut self.event);
        self.untold = true;
    }

    /// Tells it as it stands; it stays open.
    pub(crate) fn tell_so_far(&mut self, report: &mut Report<'_>) {
        if self.untold {
            self.untold = false;
            report.tell_again(self.event.clone(), &mut self.noted);
        }
    }

    /// Tells it for the last time.
    pub(crate) fn close(mut self, report: &mut Report<'_>) {
        if self.untold {
            report.tell_again(self.event, &mut self.noted);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::parse::{FileKind, Origin, TextParser};

    /// Codes counted in a log that falls quiet after every line.
    fn codes(kind: FileKind, log: &str) -> (u64, u64) {
        let origin = Origin {
            device_id: "pc-1".to_owned(),
            log: "x.log".to_owned(),
        };
        let (mut parser, mut events) = (TextParser::new(kind, origin), vec![]);
        for line in log.split_inclusive('\n') {
            parser.feed(line.as_bytes(), &mut events);
            parser.settle(&mut events);
            parser.settle(&mut events);
        }
        parser.finish(&mut events);
        let counts = parser.counts();
        assert!(events.len() > 1, "told once: {}", events.len());
        (counts.codes, counts.unknown_codes)
    }

    #[test]
    fn a_code_that_is_told_several_times_counts_once() {
        let listed = "TimeCreated  : 2023-02-14 03:14:15\n\
            ProviderName : Microsoft-Windows-WindowsUpdateClient\n\
            Id           : 20\n\
            Message      : Installation Failure: Windows failed to install the following update \
            with error 0x8abc0001: 2023-02\n\
            \x20              Cumulative Update (KB5022840).\n\n";
        let checked = "Checking System Update Readiness.\n\
            Checking Package Manifests and Catalogs\n\
            (f)\tCBS MUM Corrupt\t0x8ABC0001\tservicing\\Packages\\Package_1_for_KB5020001~31bf~amd64~~6.1.1.0.mum\t\n\
            (fix)\tCBS MUM Corrupt\tCBS File Replaced\tPackage_1_for_KB5020001~31bf~amd64~~6.1.1.0.mum from Cabinet: x.cab.\n";
        let diagnosed = "<SetupDiag>\n<ProfileName>DiskSpaceFailure</ProfileName>\n\
            <FailureData>Error: 0x8ABC0001</FailureData>\n<ReportId>A-1</ReportId>\n</SetupDiag>\n";
        assert_eq!(codes(FileKind::EventRendered, listed), (1, 1));
        assert_eq!(codes(FileKind::CheckSur, checked), (1, 1));
        assert_eq!(codes(FileKind::SetupDiag, diagnosed), (1, 1));
    }
}
