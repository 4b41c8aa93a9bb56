//! Plays a world to the analyzer: what arrives is joined into attempts, found
//! and judged by the analyzer's own code, look by look.

use std::collections::BTreeSet;

use kbwatch_analyzer::attempts::Record;
use kbwatch_analyzer::view::View;
use kbwatch_analyzer::{AnalyzerConfig, Depot, Rehearsal};
use kbwatch_simulator::worlds::{BEGINS_MS, What, World};

/// Something that arrives at a device's place.
struct Arrival {
    at_ms: i64,
    device: usize,
    what: What,
}

/// A world under way.
pub(super) struct Play<'a> {
    world: &'a World,
    pub(super) analyzer: Rehearsal,
    arrivals: Vec<Arrival>,
    taken: usize,
    pub(super) now_ms: i64,
    records: Vec<Vec<Record>>,
}

impl<'a> Play<'a> {
    pub(super) fn begin(world: &'a World) -> Self {
        let config = AnalyzerConfig {
            donors: world.donors.clone(),
            ..AnalyzerConfig::default()
        };
        let born = BEGINS_MS - 100 * 86_400_000;
        let mut analyzer = Rehearsal::open(config, born);
        for depot in &world.shares {
            analyzer.declare(Depot {
                name: depot.name.clone(),
                path: depot.path.clone(),
                build: depot.build.clone(),
                edition: depot.edition.clone(),
                language: depot.language.clone(),
                arch: "amd64".to_owned(),
            });
        }
        let mut arrivals = Vec::new();
        for device in 0..world.devices.len() {
            arrivals.extend(world.news(device).into_iter().map(|news| Arrival {
                at_ms: news.arrives_ms,
                device,
                what: news.what,
            }));
        }
        arrivals.sort_by_key(|arrival| arrival.at_ms);
        Self {
            records: vec![Vec::new(); world.devices.len()],
            world,
            analyzer,
            arrivals,
            taken: 0,
            now_ms: 0,
        }
    }

    /// Takes what arrived by `now_ms`, and looks.
    pub(super) fn look(&mut self, now_ms: i64) -> View {
        self.now_ms = now_ms;
        let mut changed = BTreeSet::new();
        while let Some(arrival) = self.arrivals.get(self.taken) {
            if arrival.at_ms > now_ms {
                break;
            }
            let number = arrival.device;
            let id = self
                .world
                .devices
                .get(number)
                .map_or("", |device| &device.id);
            match &arrival.what {
                What::Facts {
                    observed_at_ms,
                    facts,
                } => {
                    let facts = facts
                        .iter()
                        .map(|(key, value)| (key.as_str(), value.as_str()));
                    self.analyzer.facts(id, *observed_at_ms, facts);
                }
                What::Event(event) => {
                    if let Some(records) = self.records.get_mut(number) {
                        records.push(Record::from(event.as_ref()));
                    }
                }
            }
            changed.insert(number);
            self.taken += 1;
        }
        for (number, records) in self.records.iter().enumerate() {
            let Some(device) = self.world.devices.get(number) else {
                continue;
            };
            if changed.contains(&number) {
                self.analyzer.records(&device.id, records);
            }
            if let Some(life) = self.world.lives.get(number) {
                self.analyzer.heard(&device.id, life.heard_ms(now_ms));
            }
        }
        self.analyzer.look(now_ms)
    }

    /// Looks at all moments that the world names. A cluster that was ever called
    /// stays in the view, closed or not, so the last one tells all of them; `each`
    /// is shown all views.
    pub(super) fn play_out(&mut self, mut each: impl FnMut(&View)) -> View {
        let mut view = View::default();
        for now_ms in self.world.looks.clone() {
            view = self.look(now_ms);
            each(&view);
        }
        view
    }
}
