//! What happens to a small fleet in a few days, and how its records arrive.

use std::collections::BTreeMap;

use kbwatch_analyzer::attempts::Record;
use kbwatch_analyzer::view::View;
use kbwatch_analyzer::{AnalyzerConfig, Rehearsal};
use kbwatch_proto::ids::EventId;
use kbwatch_proto::words::{EventResult, Phase, SourceKind};

pub(crate) const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const BEGIN: i64 = 1_700_000_000_000 / MINUTE * MINUTE;
const KB: &str = "KB5022286";

/// A record that arrives.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) at_ms: i64,
    pub(crate) device: usize,
    pub(crate) record: Record,
}

/// A fleet and its records in order of arrival.
pub(crate) struct History {
    images: Vec<u8>,
    pub(crate) arrivals: Vec<Told>,
}

impl History {
    /// Sixty devices of four images, of which one mostly fails.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut history = Self {
            images: (0..60).map(|_| dice.u8(..4)).collect(),
            arrivals: Vec::new(),
        };
        for device in 0..history.images.len() {
            let mut at_ms = BEGIN + dice.i64(0..20 * HOUR);
            for _ in 0..dice.usize(1..4) {
                let fails = if history.images[device] == 0 {
                    0.9
                } else {
                    0.08
                };
                let went_in = dice.f64() >= fails;
                history.tries(device, at_ms, went_in, &mut dice);
                if went_in {
                    break;
                }
                at_ms += dice.i64(2 * HOUR..20 * HOUR);
            }
        }
        history.arrivals.sort_by_key(|one| one.at_ms);
        history
    }

    fn tries(&mut self, device: usize, at_ms: i64, went_in: bool, dice: &mut fastrand::Rng) {
        // Late by seconds, or by hours.
        let lag = if dice.f64() < 0.9 {
            dice.i64(0..90_000)
        } else {
            dice.i64(0..10 * HOUR)
        };
        let code = Some([0x800f_0985, 0x8007_0070][usize::from(dice.f64() < 0.1)]);
        let install = |result, hresult| (Phase::Install, result, hresult);
        let mut steps = vec![
            (0, (Phase::Download, EventResult::Start, None)),
            (MINUTE, install(EventResult::Start, None)),
        ];
        if went_in {
            steps.push((30 * MINUTE, install(EventResult::PendingReboot, None)));
            steps.push((9 * HOUR, install(EventResult::Installed, Some(0))));
        } else {
            steps.push((20 * MINUTE, install(EventResult::Fail, code)));
            if dice.f64() < 0.3 {
                let repaired = (Phase::CorruptionRepair, EventResult::Summary, None);
                steps.push((90 * MINUTE, repaired));
            }
        }
        for (after_ms, (phase, result, hresult)) in steps {
            let at_ms = at_ms + after_ms;
            let number = self.arrivals.len() as u128 + 1;
            let of_device = phase == Phase::CorruptionRepair;
            let record = Record {
                event_id: EventId(number.to_be_bytes()),
                version: 1 << 32,
                source_kind: SourceKind::EventLog,
                phase,
                result,
                at_ms,
                hresult,
                kb: if of_device {
                    String::new()
                } else {
                    KB.to_owned()
                },
                title: format!("2023-01 Cumulative Update ({KB})"),
                source: "Microsoft-Windows-WindowsUpdateClient".to_owned(),
                ..Record::default()
            };
            self.arrivals.push(Told {
                at_ms: at_ms + lag,
                device,
                record,
            });
        }
    }

    /// Looks every three hours, at the end of a minute, at what arrived by then.
    pub(crate) fn play(&self, arrivals: &[Told]) -> Vec<View> {
        let mut analyzer = Rehearsal::open(AnalyzerConfig::default(), BEGIN - 100 * HOUR);
        let mut records: BTreeMap<usize, Vec<Record>> = BTreeMap::new();
        let mut arrivals = arrivals.iter().peekable();
        let mut views = Vec::new();
        for look in 1..40 {
            let now_ms = BEGIN + look * 3 * HOUR;
            let mut changed = Vec::new();
            while let Some(one) = arrivals.next_if(|one| one.at_ms < now_ms) {
                records
                    .entry(one.device)
                    .or_default()
                    .push(one.record.clone());
                changed.push(one.device);
            }
            for device in changed {
                let id = format!("pc-{device:02}");
                let (image, branch) = (self.images[device].to_string(), (device / 3).to_string());
                let facts = [("image", image.as_str()), ("branch", branch.as_str())];
                analyzer.facts(&id, BEGIN - HOUR, facts.into_iter());
                analyzer.records(&id, &records[&device]);
            }
            for device in records.keys() {
                analyzer.heard(&format!("pc-{device:02}"), now_ms);
            }
            views.push(analyzer.look(now_ms));
        }
        views
    }
}
