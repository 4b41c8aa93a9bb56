//! Records that let slip what time it is in UTC.

use kbwatch_proto::words::TimeSource;

use super::super::clock::Trust;
use super::super::report::Report;
use super::super::{scan, time};
use super::CbsGrammar;

impl CbsGrammar {
    /// `Transaction UoW: {…}`: a time-based id, made when the transaction was.
    pub(super) fn transaction_message(&self, message: &[u8], report: &mut Report<'_>) -> bool {
        let Some(rest) = message.strip_prefix(b"Transaction UoW: ") else {
            return false;
        };
        if let Some((id, _)) = scan::guid(rest) {
            report.observe(
                self.record.start.1,
                self.record.printed_at_ms,
                time::uuid_instant(&id),
                (TimeSource::TransactionId, Trust::Later),
            );
        }
        true
    }

    /// `Universal Time is: 2023-01-11 06:30:00.120`: what the worker prints when
    /// it starts.
    pub(super) fn universal_time(&self, message: &[u8], report: &mut Report<'_>) -> bool {
        let Some(stamp) = message.strip_prefix(b"Universal Time is: ") else {
            return false;
        };
        let stamp = std::str::from_utf8(stamp.get(..19).unwrap_or_default());
        report.observe(
            self.record.start.1,
            self.record.printed_at_ms,
            stamp.ok().and_then(time::iso_instant),
            (TimeSource::LogHeader, Trust::Firm),
        );
        true
    }
}
