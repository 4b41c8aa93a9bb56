//! What collectors read, understood and lost, by source.

use kbwatch_proto::event::SourceLines;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::Metrics;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LinesLabel {
    source: &'static str,
    understood: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabel {
    source: &'static str,
}

/// One counter for each source.
#[derive(Debug, Clone, Default)]
pub(super) struct SourceCounts {
    lines: Family<LinesLabel, Counter>,
    codes: Family<LinesLabel, Counter>,
    lost_bytes: Family<SourceLabel, Counter>,
    lost_files: Family<SourceLabel, Counter>,
    cut_lines: Family<SourceLabel, Counter>,
}

impl SourceCounts {
    pub(super) fn register(&self, registry: &mut Registry) {
        let own = self.clone();
        let lines = "Lines that collectors read, by source and whether a rule understood them";
        registry.register("source_lines", lines, own.lines);
        let codes = "Failing codes at the end of records, by source and whether a rule knew them";
        registry.register("source_codes", codes, own.codes);
        let bytes = "Bytes of logs that were gone before collectors read them, by source";
        registry.register("source_lost_bytes", bytes, own.lost_bytes);
        let files = "Logs that were gone before collectors had read them whole, by source";
        registry.register("source_lost_files", files, own.lost_files);
        let cut = "Lines that collectors cut because they had no end, by source";
        registry.register("source_cut_lines", cut, own.cut_lines);
    }
}

impl Metrics {
    /// Counts lines that a device's collector told of.
    pub(crate) fn lines_read(&self, more: &SourceLines) {
        let source = more.source.as_str();
        let count = |family: &Family<LinesLabel, Counter>, understood, count| {
            let label = LinesLabel { source, understood };
            family.get_or_create(&label).inc_by(count);
        };
        let own = &self.sources;
        let unknown = more.unknown_lines.min(more.lines);
        count(&own.lines, "yes", more.lines - unknown);
        count(&own.lines, "no", unknown);
        let unknown = more.unknown_codes.min(more.codes);
        count(&own.codes, "yes", more.codes - unknown);
        count(&own.codes, "no", unknown);
        let lost = [
            (&own.lost_bytes, more.lost_bytes),
            (&own.lost_files, more.lost_files),
            (&own.cut_lines, more.cut_lines),
        ];
        for (family, count) in lost {
            family.get_or_create(&SourceLabel { source }).inc_by(count);
        }
    }
}
