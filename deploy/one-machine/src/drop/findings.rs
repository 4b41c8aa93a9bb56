//! What a few log files say, gathered for a person.
//!
//! Pure: events in, findings out. Nothing here guesses beyond what records
//! state; what follows from them is for [`super::advice`].

use std::collections::BTreeMap;

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::result_code::{ResultCode, Verdict};
use kbwatch_proto::words::{EventResult, Phase};

use super::same::{same_component, same_file};

/// Everything that the files say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// What failed, the most telling first.
    pub failures: Vec<Failure>,
    /// Component files that are not what they should be.
    pub damage: Vec<DamagedFile>,
    /// Runs that looked for damage or mended it, oldest first.
    pub repairs: Vec<RepairRun>,
    /// Updates that wait for a reboot.
    pub pending: Vec<String>,
    /// Updates on the machine, and when they went in if a record says so.
    pub installed: BTreeMap<String, Option<i64>>,
    /// Records that look like failure and are not.
    pub harmless: usize,
    /// Earliest and latest time, as printed.
    pub span: Option<(i64, i64)>,
}

/// One thing that failed, with one code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// KB, else package, title or component.
    pub subject: String,
    /// Package identity, where a record names it.
    pub package: String,
    /// Final code.
    pub code: Option<ResultCode>,
    /// Code behind it.
    pub inner: Option<ResultCode>,
    /// Where in the update's life.
    pub phase: Phase,
    /// Where servicing says it arose.
    pub arose_in: String,
    /// Records that say so.
    pub times: usize,
    /// First and last, as printed.
    pub first_ms: Option<i64>,
    /// Last, as printed.
    pub last_ms: Option<i64>,
    /// Log and line of the first.
    pub place: String,
    /// The same update went in later.
    pub healed: bool,
}

/// One component file that is damaged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DamagedFile {
    /// WinSxS key or assembly name as printed.
    pub component: String,
    /// Four-part version.
    pub version: String,
    /// Architecture.
    pub arch: String,
    /// File inside the component.
    pub file: String,
    /// Hash the manifest demands, as printed.
    pub hash_expected: String,
    /// Hash that was found, as printed.
    pub hash_actual: String,
    /// Whether a run mended it.
    pub repaired: bool,
    /// Log and line of the first record.
    pub place: String,
}

/// A run that looked for damage or mended it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairRun {
    /// What was asked for, as printed.
    pub operation: String,
    /// Its result.
    pub result: Option<ResultCode>,
    /// Damages found.
    pub detected: Option<u32>,
    /// Damages mended.
    pub repaired: Option<u32>,
    /// `healthy`, `corrupt`, `repaired` or `unknown`.
    pub health: String,
    /// When, as printed.
    pub at_ms: Option<i64>,
}

impl Findings {
    /// Gathers what these events say; they come in the order of the files.
    pub fn gather(events: &[UpdateEvent]) -> Self {
        let mut findings = Self::default();
        for event in events {
            findings.take(event);
        }
        findings.mark_healed(events);
        findings.failures.sort_by_key(|failure| {
            (
                failure.healed,
                !failure.subject.starts_with("KB"),
                std::cmp::Reverse(failure.last_ms),
            )
        });
        let stated = |run: &RepairRun| run.result.is_some() || !run.operation.is_empty();
        if findings.repairs.iter().any(stated) {
            // Subtotals that servicing prints on the way to the summary.
            findings.repairs.retain(stated);
        }
        // A mended file is told last: people look for what is still broken.
        findings.damage.sort_by_key(|damage| damage.repaired);
        findings
    }

    fn take(&mut self, event: &UpdateEvent) {
        if let Some(at) = event.printed_at_ms {
            let (first, last) = self.span.unwrap_or((at, at));
            self.span = Some((first.min(at), last.max(at)));
        }
        if event.noise || is_harmless(event) {
            self.harmless += 1;
            return;
        }
        match event.result {
            EventResult::HashMismatch
            | EventResult::CorruptUnrepaired
            | EventResult::Repaired
            | EventResult::ManifestMissing => self.take_damage(event),
            EventResult::Fail if event.phase == Phase::Hydrate && !event.component.is_empty() => {
                self.take_damage(event);
            }
            EventResult::Fail | EventResult::RolledBack => self.take_failure(event),
            EventResult::Summary => self.repairs.push(repair_run(event)),
            EventResult::PendingReboot => {
                let subject = subject_of(event);
                if !self.pending.contains(&subject) {
                    self.pending.push(subject);
                }
            }
            EventResult::Installed => self.take_installed(event, event.printed_at_ms),
            EventResult::Success if event.phase == Phase::Install => {
                self.take_installed(event, event.printed_at_ms);
            }
            _ => {}
        }
    }

    fn take_installed(&mut self, event: &UpdateEvent, at_ms: Option<i64>) {
        if !event.kb.is_empty() {
            let known = self.installed.entry(event.kb.clone()).or_insert(at_ms);
            *known = (*known).max(at_ms);
        }
    }

    fn take_failure(&mut self, event: &UpdateEvent) {
        let subject = subject_of(event);
        let code = event.hresult.map(ResultCode);
        let known = self
            .failures
            .iter_mut()
            .find(|known| known.subject == subject && known.code == code);
        if let Some(known) = known {
            known.times += 1;
            known.first_ms = known.first_ms.min(event.printed_at_ms);
            known.last_ms = known.last_ms.max(event.printed_at_ms);
            known.inner = known.inner.or(event.nested_status.map(ResultCode));
            fill(&mut known.package, &event.package);
            fill(&mut known.arose_in, &event.failure_source);
            return;
        }
        self.failures.push(Failure {
            subject,
            package: event.package.clone(),
            code,
            inner: event.nested_status.map(ResultCode),
            phase: event.phase,
            arose_in: event.failure_source.clone(),
            times: 1,
            first_ms: event.printed_at_ms,
            last_ms: event.printed_at_ms,
            place: place_of(event),
            healed: false,
        });
    }

    fn take_damage(&mut self, event: &UpdateEvent) {
        if event.component.is_empty() && event.file.is_empty() && event.package.is_empty() {
            return;
        }
        let component = if event.component.is_empty() {
            &event.package
        } else {
            &event.component
        };
        let known = self.damage.iter_mut().find(|known| {
            same_file(&known.file, &event.file)
                && same_component(&known.component, component)
                && (known.version.is_empty()
                    || event.component_version.is_empty()
                    || known.version == event.component_version)
        });
        let repaired = event.result == EventResult::Repaired;
        if let Some(known) = known {
            known.repaired |= repaired;
            // The full key says more than the assembly's name.
            if component.len() > known.component.len() {
                known.component.clone_from(component);
            }
            fill(&mut known.version, &event.component_version);
            fill(&mut known.arch, &event.arch);
            fill(&mut known.hash_expected, &event.hash_expected);
            fill(&mut known.hash_actual, &event.hash_actual);
            return;
        }
        self.damage.push(DamagedFile {
            component: component.clone(),
            version: event.component_version.clone(),
            arch: event.arch.clone(),
            file: event.file.clone(),
            hash_expected: event.hash_expected.clone(),
            hash_actual: event.hash_actual.clone(),
            repaired,
            place: place_of(event),
        });
    }

    fn mark_healed(&mut self, events: &[UpdateEvent]) {
        for failure in &mut self.failures {
            failure.healed = events.iter().any(|event| {
                let went_in = event.result == EventResult::Installed
                    || (event.result == EventResult::Success
                        && matches!(event.phase, Phase::Install | Phase::RebootCommit));
                went_in
                    && !event.kb.is_empty()
                    && event.kb == failure.subject
                    && event.printed_at_ms > failure.last_ms
            });
        }
        let healed = |subject: &String| self.installed.get(subject).is_some_and(Option::is_some);
        self.pending.retain(|subject| !healed(subject));
    }

    /// Damage that no run mended.
    pub fn open_damage(&self) -> impl Iterator<Item = &DamagedFile> {
        self.damage.iter().filter(|damage| !damage.repaired)
    }

    /// Failures that were not followed by success.
    pub fn open_failures(&self) -> impl Iterator<Item = &Failure> {
        self.failures.iter().filter(|failure| !failure.healed)
    }
}

fn fill(known: &mut String, stated: &str) {
    if known.is_empty() {
        stated.clone_into(known);
    }
}

/// Codes that look like failure: a reboot that is due, a probe, a retry.
fn is_harmless(event: &UpdateEvent) -> bool {
    event.result == EventResult::Fail
        && event.hresult.is_some_and(|code| {
            matches!(
                ResultCode(code).verdict(),
                Verdict::Benign | Verdict::Noise | Verdict::Success | Verdict::Pending
            )
        })
}

fn subject_of(event: &UpdateEvent) -> String {
    [
        &event.kb,
        &event.package,
        &event.title,
        &event.component,
        &event.operation,
        &event.identifier,
    ]
    .into_iter()
    .find(|text| !text.is_empty())
    .cloned()
    .unwrap_or_default()
}

fn place_of(event: &UpdateEvent) -> String {
    format!("{}:{}", event.origin, event.position)
}

fn repair_run(event: &UpdateEvent) -> RepairRun {
    RepairRun {
        operation: event.operation.clone(),
        result: event.operation_result.or(event.hresult).map(ResultCode),
        detected: event.corruptions_detected,
        repaired: event.repaired,
        health: event.health.clone(),
        at_ms: event.printed_at_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(phase: Phase, result: EventResult, at_s: i64) -> UpdateEvent {
        UpdateEvent {
            phase,
            result,
            printed_at_ms: Some(at_s * 1000),
            origin: "CBS.log".into(),
            position: 7,
            ..UpdateEvent::default()
        }
    }

    fn failed(kb: &str, code: u32, at_s: i64) -> UpdateEvent {
        UpdateEvent {
            kb: kb.to_owned(),
            hresult: Some(code),
            ..event(Phase::Install, EventResult::Fail, at_s)
        }
    }

    #[test]
    fn one_update_that_fails_three_times_alike_is_one_failure() {
        let events: Vec<_> = (1..4)
            .map(|at| failed("KB5022286", 0x800f_0985, at))
            .collect();
        let findings = Findings::gather(&events);
        assert_eq!(findings.failures.len(), 1);
        assert_eq!(findings.failures[0].times, 3);
        assert_eq!(findings.failures[0].last_ms, Some(3000));
        assert_eq!(findings.span, Some((1000, 3000)));
    }

    #[test]
    fn a_failure_that_was_followed_by_success_is_healed_and_told_last() {
        let events = [
            failed("KB5021237", 0x800f_0922, 1),
            UpdateEvent {
                kb: "KB5021237".to_owned(),
                ..event(Phase::Install, EventResult::Success, 9)
            },
            failed("KB5022286", 0x800f_0985, 2),
        ];
        let findings = Findings::gather(&events);
        assert_eq!(findings.failures[0].subject, "KB5022286");
        assert!(findings.failures[1].healed);
        assert_eq!(findings.open_failures().count(), 1);
    }

    #[test]
    fn a_due_reboot_is_no_failure() {
        let findings = Findings::gather(&[failed("KB5022286", 0x8024_2014, 1)]);
        assert_eq!(findings.failures, []);
        assert_eq!(findings.harmless, 1);
    }

    #[test]
    fn a_mismatch_and_its_repair_speak_of_one_file() {
        let damage = |result, file: &str| UpdateEvent {
            component: "amd64_probe_31bf_10.0.17763.1_none_00".to_owned(),
            file: file.to_owned(),
            ..event(Phase::CorruptionRepair, result, 1)
        };
        let findings = Findings::gather(&[
            damage(EventResult::HashMismatch, "f\\probe.dll"),
            damage(EventResult::Repaired, "probe.dll"),
        ]);
        assert_eq!(findings.damage.len(), 1);
        assert!(findings.damage[0].repaired);
        assert_eq!(findings.open_damage().count(), 0);
    }
}
