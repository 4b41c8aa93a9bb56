//! Simple rivals over the same devices: what anyone would write first.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kbwatch_simulator::plan::Fate;
use kbwatch_simulator::worlds::World;
use kbwatch_simulator::worlds::tries::kb_of;
use kbwatch_simulator::worlds::truth::Cause;

/// Names of the rivals.
pub(super) const NAMES: [&str; 3] = ["count", "lift", "risk ratio"];

/// What a rival says of a world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Opinion {
    pub(super) bad: BTreeSet<String>,
    pub(super) causes: BTreeSet<Cause>,
    /// The same as said of one update, before it is known what is meant.
    pub(super) blamed: BTreeSet<(String, Cause)>,
}

/// A code on as many devices of one update is an alarm.
const MANY: usize = 10;
/// Fewest failing devices that lift and risk ratio look at.
const FEW: usize = 5;
/// Lift, or risk ratio, from which a fact is blamed.
const LIFTED: f64 = 3.0;
/// Part of a code's failing devices that a combination must hold.
const SUPPORT: f64 = 0.2;

/// A device with a verdict: its facts as numbers, and the code if it failed.
struct Row {
    kb: &'static str,
    items: Vec<u32>,
    code: Option<u32>,
}

/// Devices with a verdict, as of one moment.
pub(super) struct Table {
    rows: Vec<Row>,
    names: Vec<(String, String)>,
}

impl Table {
    /// What anybody can see at `now_ms`.
    pub(super) fn of(world: &World, now_ms: i64) -> Self {
        let mut numbers: HashMap<(String, String), u32> = HashMap::new();
        let mut table = Self {
            rows: Vec::new(),
            names: Vec::new(),
        };
        for (device, life) in world.devices.iter().zip(&world.lives) {
            let kb = kb_of(device.build, 2).number;
            let told = life.tries.iter().rev().find(|one| {
                let closed = matches!(one.fate, Fate::Succeeded | Fate::Failed { .. });
                closed && one.kb.number == kb && life.arrival(one.ended_at_ms) <= now_ms
            });
            let Some(told) = told else { continue };
            let mut items = Vec::new();
            for (key, value) in &device.facts {
                if matches!(key.as_str(), "hostname" | "branch" | "free_disk_gb") {
                    continue;
                }
                let name = (key.clone(), value.clone());
                let next = u32::try_from(table.names.len()).unwrap_or(u32::MAX);
                let number = *numbers.entry(name.clone()).or_insert(next);
                if number == next {
                    table.names.push(name);
                }
                items.push(number);
            }
            items.sort_unstable();
            table.rows.push(Row {
                kb,
                items,
                code: match told.fate {
                    Fate::Failed { hresult, .. } => Some(hresult),
                    _ => None,
                },
            });
        }
        table
    }

    fn groups(&self) -> BTreeMap<(&'static str, u32), usize> {
        let mut groups = BTreeMap::new();
        for row in &self.rows {
            if let Some(code) = row.code {
                *groups.entry((row.kb, code)).or_default() += 1;
            }
        }
        groups
    }

    fn facts(&self, items: &[u32]) -> BTreeMap<String, String> {
        let name = |item: &u32| self.names.get(*item as usize).cloned();
        items.iter().filter_map(name).collect()
    }
}

/// What each rival says.
pub(super) fn opinions(table: &Table) -> [Opinion; 3] {
    [count(table), ratio(table, 1), ratio(table, 3)]
}

/// A threshold per code; it cannot say why.
fn count(table: &Table) -> Opinion {
    let groups = table.groups().into_iter();
    let many = groups.filter(|(_, devices)| *devices >= MANY);
    Opinion {
        bad: many.map(|((kb, _), _)| kb.to_owned()).collect(),
        ..Opinion::default()
    }
}

/// Combinations of up to `size` facts by their risk ratio and support
/// (`MacroBase`); with one fact, plain lift and the best only.
fn ratio(table: &Table, size: usize) -> Opinion {
    let mut opinion = Opinion::default();
    for ((kb, code), devices) in table.groups() {
        if devices < FEW {
            continue;
        }
        let rows: Vec<&Row> = table.rows.iter().filter(|row| row.kb == kb).collect();
        let mut found = lifted(&rows, code, size);
        if !found.is_empty() {
            opinion.bad.insert(kb.to_owned());
        }
        if size == 1 {
            found.truncate(1);
        }
        let causes = found.iter().map(|(_, items)| (code, table.facts(items)));
        let blamed = causes.map(|cause| (kb.to_owned(), cause));
        opinion.blamed.extend(blamed);
    }
    opinion
}

/// Combinations beyond the risk ratio with enough support, the most lifted
/// first; none that contains another.
fn lifted(rows: &[&Row], code: u32, size: usize) -> Vec<(f64, Vec<u32>)> {
    let failed = |row: &&&Row| row.code == Some(code);
    let failing: Vec<&Row> = rows.iter().filter(failed).copied().collect();
    let all = real(failing.len());
    let total = real(rows.len());
    let mut level: BTreeSet<Vec<u32>> = BTreeSet::new();
    for row in &failing {
        level.extend(row.items.iter().map(|item| vec![*item]));
    }
    let mut found: Vec<(f64, Vec<u32>)> = Vec::new();
    for depth in 1..=size {
        let mut open: Vec<Vec<u32>> = Vec::new();
        for items in &level {
            let holds = |row: &&&Row| items.iter().all(|i| row.items.binary_search(i).is_ok());
            let inside = real(failing.iter().filter(holds).count());
            if inside < all * SUPPORT || inside < real(FEW) {
                continue;
            }
            let with = real(rows.iter().filter(holds).count());
            let outside = (all - inside + 0.5) / (total - with + 0.5);
            let lift = (inside / with) / outside;
            if lift >= LIFTED && with < total {
                found.push((lift, items.clone()));
            } else {
                open.push(items.clone());
            }
        }
        if depth == size {
            break;
        }
        level = joined(&open, &found);
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found
}

/// Combinations with one more item, of those that did not stand out yet.
fn joined(open: &[Vec<u32>], found: &[(f64, Vec<u32>)]) -> BTreeSet<Vec<u32>> {
    let mut next = BTreeSet::new();
    for (at, a) in open.iter().enumerate() {
        for b in open.iter().skip(at + 1) {
            let common = a.len() - 1;
            if a[..common] != b[..common] {
                continue;
            }
            let mut items = a.clone();
            items.extend(b.last());
            let minimal = found
                .iter()
                .all(|(_, one)| !one.iter().all(|item| items.contains(item)));
            if minimal && next.len() < 4_000 {
                next.insert(items);
            }
        }
    }
    next
}

/// A count as a real number.
pub(super) fn real(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
