//! Findings of the system file checker, `[SR] …`. Every mismatch is logged at
//! least twice; it is one finding.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase};

use super::super::report::{Report, add_evidence, put, text};
use super::super::scan;
use super::hydration::read_identity;
use super::memory::Memory;
use super::{CbsGrammar, push_open};

impl CbsGrammar {
    /// CSI: `[SR] …`.
    pub(super) fn sfc_message(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        let Some(rest) = message.strip_prefix(b"[SR] ") else {
            return false;
        };
        if let Some(rest) = rest.strip_prefix(b"Cannot repair member file ") {
            return self.unrepairable_member(rest, report);
        }
        if let Some(rest) = rest.strip_prefix(b"Could not reproject corrupted file ") {
            return self.unprojectable_file(rest, report);
        }
        if let Some(rest) = rest.strip_prefix(b"Cannot verify component files for ") {
            return self.unverifiable_component(rest, report);
        }
        if let Some(rest) = rest.strip_prefix(b"This component was referenced by ") {
            return self.referenced_by(rest);
        }
        if rest.starts_with(b"Repairing corrupted file") || rest.starts_with(b"Repairing file") {
            let path = scan::after(rest, b" file ").unwrap_or_default();
            return self.repaired_file(scan::before(path, b" from store"), report);
        }
        if let Some(rest) = rest.strip_prefix(b"Repaired file ") {
            return self.repaired_file(scan::before(rest, b" by copying"), report);
        }
        true
    }

    /// `[..]'F' of COMP, version V, … in the store, hash mismatch`.
    fn unrepairable_member(&mut self, rest: &[u8], report: &mut Report<'_>) -> bool {
        let Some((file, rest)) = scan::counted(rest) else {
            return false;
        };
        let mut event = self.begin_csi(report, Phase::Sfc, EventResult::CorruptUnrepaired);
        event.file = text(file);
        if let Some(identity) = scan::after(rest, b" of ") {
            read_identity(&mut event, identity);
        }
        if let Some(at) = memchr::memmem::rfind(rest, b" in the store") {
            put(&mut event, "reason", text(&rest[at..]));
        }
        self.tell_finding(event, report)
    }

    /// `PATH; source file in store is also corrupted`: says of the projected
    /// file what was said of the member.
    fn unprojectable_file(&mut self, rest: &[u8], report: &mut Report<'_>) -> bool {
        let path = projected_path(scan::before(rest, b"; source"));
        let mut event = self.begin_csi(report, Phase::Sfc, EventResult::CorruptUnrepaired);
        event.file = path;
        put(
            &mut event,
            "reason",
            "source file in store is also corrupted",
        );
        let name = event
            .file
            .rsplit('\\')
            .next()
            .unwrap_or_default()
            .to_owned();
        let known = self.memory.key(&["sfc_name", &name]);
        if self.memory.was_told(known) {
            return true;
        }
        self.tell_finding(event, report)
    }

    /// `COMP, version V, …, manifest is damaged (TRUE)`.
    fn unverifiable_component(&mut self, rest: &[u8], report: &mut Report<'_>) -> bool {
        let damaged = scan::after(rest, b"manifest is damaged");
        if damaged.is_none_or(|answer| answer.starts_with(b" (FALSE)")) {
            return true;
        }
        let mut event = self.begin_csi(report, Phase::Sfc, EventResult::CorruptUnrepaired);
        read_identity(&mut event, rest);
        put(&mut event, "reason", "manifest is damaged");
        self.tell_finding(event, report)
    }

    /// `[..]'PKG'`: the package that brought the component of the finding.
    fn referenced_by(&mut self, rest: &[u8]) -> bool {
        if let (Some(finding), Some((package, _))) = (&mut self.finding, scan::counted(rest)) {
            finding.enrich(|event| {
                let name = text(package);
                let identity = name.split('.').next().filter(|_| !name.contains('~'));
                identity.unwrap_or(&name).clone_into(&mut event.package);
                put(event, "referenced_by", name);
                add_evidence(event, rest);
            });
        }
        true
    }

    /// `Repairing corrupted file [..]"\??\C:\Windows\System32"\[..]"f" from
    /// store`, `Repaired file \SystemRoot\WinSxS\Manifests\[..]"f" by copying
    /// from backup`: the file is named with its folder or without.
    fn repaired_file(&mut self, path: &[u8], report: &mut Report<'_>) -> bool {
        let mut event = self.begin_csi(report, Phase::Sfc, EventResult::Repaired);
        event.file = projected_path(path);
        let name = event.file.rsplit('\\').next().unwrap_or_default();
        let whole = self.memory.key(&["sfc_repaired", &event.file]);
        let bare = self.memory.key(&["sfc_repaired", name]);
        if self.memory.tell_once(whole) {
            self.memory.tell_once(bare);
            report.tell(event);
        }
        true
    }

    fn tell_finding(&mut self, event: UpdateEvent, report: &mut Report<'_>) -> bool {
        self.close_finding(report);
        if !self.memory.was_told(key(self.memory.scan, &event)) {
            self.finding = Some(self.open(event));
        }
        true
    }

    pub(super) fn close_finding(&mut self, report: &mut Report<'_>) {
        let Some(finding) = self.finding.take() else {
            return;
        };
        let event = &finding.event;
        if event.result == EventResult::ManifestMissing {
            let missing = Memory::key_in(finding.scan, &["manifest", &event.package]);
            self.memory.tell_once(missing);
            finding.close(report);
            return;
        }
        self.memory.tell_once(key(finding.scan, event));
        let name = event.file.rsplit('\\').next().unwrap_or_default();
        let name = Memory::key_in(finding.scan, &["sfc_name", name]);
        self.memory.tell_once(name);
        finding.close(report);
    }

    /// DEPLOY: `[Pnp] Corrupt file: F`, `[Pnp] Repaired file: F`: one finding.
    pub(super) fn driver_file(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        let Some(rest) = message.strip_prefix(b"[Pnp] ") else {
            return false;
        };
        if let Some(file) = rest.strip_prefix(b"Corrupt file: ") {
            let mut event = self.begin(report, Phase::Sfc, EventResult::CorruptUnrepaired);
            event.source = "DEPLOY".into();
            event.file = text(file);
            let pending = self.open(event);
            push_open(&mut self.drivers, pending, report);
            return true;
        }
        let Some(file) = rest.strip_prefix(b"Repaired file: ") else {
            return false;
        };
        let file = text(file);
        if let Some(at) = self.drivers.iter().position(|open| open.event.file == file) {
            let mut finding = self.drivers.remove(at);
            finding.enrich(|event| {
                event.result = EventResult::Repaired;
                event.repaired = Some(1);
            });
            finding.close(report);
            return true;
        }
        let mut event = self.begin(report, Phase::Sfc, EventResult::Repaired);
        event.source = "DEPLOY".into();
        event.file = file;
        event.repaired = Some(1);
        report.tell(event);
        true
    }
}

/// Key under which a finding repeats.
fn key(scan: u64, event: &UpdateEvent) -> u64 {
    let parts = [
        "sfc",
        &event.component,
        &event.component_version,
        &event.arch,
        &event.file,
    ];
    Memory::key_in(scan, &parts)
}

/// Path that is printed in one counted string, or as folder and name.
fn projected_path(text_of_path: &[u8]) -> String {
    let mut parts = Vec::new();
    let mut rest = text_of_path;
    while let Some((part, after)) = scan::counted(rest) {
        let part = text(part);
        let part = part.trim_matches('"');
        let part = part.strip_prefix(r"\??\").unwrap_or(part);
        parts.push(part.trim_end_matches('\\').to_owned());
        rest = after;
    }
    if parts.is_empty() {
        let plain = text(text_of_path);
        return plain.strip_prefix(r"\??\").unwrap_or(&plain).to_owned();
    }
    parts.join("\\")
}
