//! The component store's own flags: marked corrupt, totals of a detection,
//! missing manifests and deployments, sources that cannot be used.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase};

use super::super::report::{Report, put, text};
use super::super::scan;
use super::{CbsGrammar, package};

impl CbsGrammar {
    /// CSI: `Attempting to mark store corrupt …`, `Corruption detection
    /// complete. …`, `Starting corruption detection …`.
    pub(super) fn detection_message(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        if let Some(rest) = message.strip_prefix(b"Attempting to mark store corrupt") {
            self.marked_corrupt(rest, report);
            return true;
        }
        if let Some(rest) = message.strip_prefix(b"Corruption detection complete.") {
            let mut event = self.begin_csi(report, Phase::CorruptionDetect, EventResult::Summary);
            event.corruptions_detected =
                scan::after(rest, b"numCorruptions = ").and_then(scan::number);
            report.tell(event);
            return true;
        }
        if message.starts_with(b"Starting corruption detection") {
            self.close_damages(report);
            self.begin_scan();
            let event = self.begin_csi(report, Phase::CorruptionDetect, EventResult::Start);
            report.tell(event);
            return true;
        }
        self.delta_error(message, report)
    }

    fn marked_corrupt(&mut self, rest: &[u8], report: &mut Report<'_>) {
        let category = scan::after(rest, b"category")
            .and_then(scan::counted)
            .map(|(category, _)| text(category))
            .unwrap_or_default();
        let key = self.memory.key(&["marked", &category]);
        if !self.memory.tell_once(key) {
            return;
        }
        let mut event = self.begin_csi(
            report,
            Phase::CorruptionDetect,
            EventResult::StoreMarkedCorrupt,
        );
        put(&mut event, "category", category);
        report.tell(event);
    }

    /// CBS: `Store corruption, manifest missing for package: P` and `Failed to
    /// pin deployment while resolving Update: P.UPD …`.
    pub(super) fn store_message(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        if let Some(rest) = message.strip_prefix(b"Store corruption, manifest missing for package:")
        {
            let name = text(scan::before(rest.trim_ascii_start(), b" "));
            let name = name.trim_end_matches(['.', ',']);
            if !self.is_missing(name) {
                let mut event = self.begin(
                    report,
                    Phase::CorruptionDetect,
                    EventResult::ManifestMissing,
                );
                event.kb = package::kb(name, "");
                name.clone_into(&mut event.package);
                event.hresult = scan::hresult(message);
                self.close_finding(report);
                self.finding = Some(self.open(event));
            }
            return true;
        }
        if self.missing_again(message) {
            return true;
        }
        if self.store_flag(message, report) {
            return true;
        }
        let Some(rest) = message.strip_prefix(b"Failed to pin deployment while resolving Update: ")
        else {
            return false;
        };
        let update = text(scan::before(rest, b" from file"));
        let key = self.memory.key(&["pin", package::of_update(&update)]);
        if self.memory.tell_once(key) {
            let mut event = self.begin(report, Phase::Install, EventResult::Fail);
            event.hresult = scan::hresult(message);
            package::of_update(&update).clone_into(&mut event.package);
            // Not `kb`: it is not this update whose install failed.
            let missing = package::kb(&event.package, "");
            put(&mut event, "missing_kb", missing);
            put(&mut event, "update", update);
            self.adopt_orphan(event.hresult.unwrap_or_default());
            report.tell(event);
        }
        true
    }

    /// Whether a package's manifest was told to be missing.
    fn is_missing(&self, name: &str) -> bool {
        let told = self.memory.key(&["manifest", name]);
        let open = self.finding.as_ref().map(|finding| &finding.event);
        self.memory.was_told(told)
            || open.is_some_and(|event| {
                event.result == EventResult::ManifestMissing && event.package == name
            })
    }

    /// CBS: `Failed to resolve package 'P' [HRESULT…]`, right after P's manifest
    /// was told to be missing: gives that its code.
    fn missing_again(&mut self, message: &[u8]) -> bool {
        let Some(rest) = message.strip_prefix(b"Failed to resolve package '") else {
            return false;
        };
        let Some(code) = scan::hresult(rest) else {
            return false;
        };
        let name = scan::before(rest, b"'");
        let about = |event: &UpdateEvent| {
            event.result == EventResult::ManifestMissing && event.package.as_bytes() == name
        };
        let Some(finding) = self.finding.as_mut().filter(|open| about(&open.event)) else {
            return false;
        };
        finding.enrich(|event| event.hresult = Some(code));
        self.adopt_orphan(code);
        true
    }

    /// CBS: `Mark store corruption flag because of package: P` and `Failed to
    /// verify manifest against catalog, mark store as corrupt.`; says nothing
    /// new where the package's manifest was told to be missing.
    fn store_flag(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        let package = message.strip_prefix(b"Mark store corruption flag because of package: ");
        let catalog = message.starts_with(b"Failed to verify manifest against catalog");
        if package.is_none() && !catalog {
            return false;
        }
        let name = text(scan::before(package.unwrap_or_default(), b" "));
        let name = name.trim_end_matches(['.', ',']);
        let key = self.memory.key(&["marked", name]);
        if self.is_missing(name) || !self.memory.tell_once(key) {
            return true;
        }
        let mut event = self.begin(
            report,
            Phase::CorruptionDetect,
            EventResult::StoreMarkedCorrupt,
        );
        event.hresult = scan::hresult(message);
        event.kb = package::kb(name, "");
        name.clone_into(&mut event.package);
        report.tell(event);
        true
    }

    /// CBS: `The alternate source path directory could not be accessed`: the
    /// repair source that was named is never used.
    pub(super) fn source_message(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        if !message.starts_with(b"The alternate source path") {
            return false;
        }
        let Some(code) = scan::hresult(message) else {
            return false;
        };
        let mut event = self.begin(report, Phase::CorruptionRepair, EventResult::Warn);
        event.hresult = Some(code);
        put(&mut event, "detail", "repair source not usable");
        report.tell(event);
        true
    }
}
