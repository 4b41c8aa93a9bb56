//! What to do about a cluster: class of cure by code in context, steps with
//! exact commands, and sources that can repair.

mod beyond_store;
mod catalogue;
#[cfg(test)]
mod needs;
mod peers;
mod quote;
mod repair;
mod sources;
mod steps;

pub use sources::Depot;
pub(crate) use sources::Situation;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::attempts::Broken;
use crate::damage::{is_of, parse_component};
use crate::kb::{Build, KbTable};
use crate::view::{DamageGroup, DamagedFile, Remedy, RemedyStep};
use catalogue::Class;
use repair::{Check, Repair};
use sources::Served;

/// Whether a path may stand in a command.
pub(crate) fn is_folder(path: &str) -> bool {
    quote::folder(path).is_some()
}

/// What a remedy is made for.
pub(crate) struct Trouble<'a> {
    /// Failing KB and the build that it brings.
    pub(crate) kb: &'a str,
    pub(crate) build: Option<Build>,
    /// Final code, where one is stated.
    pub(crate) hresult: Option<u32>,
    /// What is broken, most devices first.
    pub(crate) damage: &'a [DamageGroup],
    /// Broken files as printed, and on which device.
    pub(crate) broken: Vec<(usize, &'a Broken)>,
    /// KB knowledge.
    pub(crate) kbs: &'a KbTable,
}

/// The remedy, with sources where the store is to be repaired.
pub(crate) fn remedy(trouble: &Trouble<'_>, situation: &Situation<'_>) -> Remedy {
    let class = catalogue::class_of(
        trouble.hresult.unwrap_or_default(),
        !trouble.damage.is_empty(),
    );
    let needs_source = matches!(class, Class::ComponentStore | Class::Source);
    let served = if needs_source {
        sources::served(situation)
    } else {
        Vec::new()
    };
    let steps = steps::steps(
        class,
        &steps::Facts {
            kb: trouble.kb,
            build: trouble.build,
            kbs: trouble.kbs,
            repairs: repairs(trouble, &served),
        },
    );
    Remedy {
        class: class.as_str().to_owned(),
        steps,
        sources: sources::sources(&served),
        peers_allowed: !situation.donors.is_empty(),
        reference: class.reference().to_owned(),
    }
}

/// Groups of devices of which each gets commands of its own.
const MAX_REPAIRS: usize = 4;

/// What is told of repairs: need by need where there are several. A component has
/// another version and another hash on another level.
fn repairs<'a>(trouble: &Trouble<'a>, served: &'a [Served]) -> Vec<Repair<'a>> {
    let damaged: usize = trouble.damage.iter().map(|group| group.files.len()).sum();
    let repair = |one: Option<&'a Served>, alone: bool| {
        let is_of = |number: usize| alone || one.is_some_and(|one| one.devices.contains(&number));
        let checks = files_to_check(trouble, is_of);
        let sources = one.map_or(&[][..], |one| &one.sources);
        let alike = one.map_or(0, |one| one.alike).max(1);
        Repair {
            whom: one.filter(|_| !alone).map(Served::whom),
            folders: sources
                .iter()
                .take(alike)
                .map(|s| s.path.as_str())
                .collect(),
            unchecked: damaged.saturating_sub(checks.len()),
            checks,
        }
    };
    match served {
        [] => vec![repair(None, true)],
        [one] => vec![repair(Some(one), true)],
        several => {
            let told = several.iter().take(MAX_REPAIRS);
            told.map(|one| repair(Some(one), false)).collect()
        }
    }
}

/// What stands for the source in commands where a person has to choose one.
const SOURCE_TO_CHOOSE: &str = r"\\SOURCE\Windows";

/// Steps for one machine of which nothing but its logs is known.
///
/// `kb` may be empty: then only the cure itself is told. `hresult` is the final
/// code, 0 without a failure; `component_key` the `WinSxS` folder of the damaged
/// file as a log printed it, or empty. In commands the source is written
/// `\\SOURCE\Windows`.
pub fn steps_for_log(
    kb: &str,
    hresult: u32,
    damaged: Option<&DamagedFile>,
    component_key: &str,
) -> Vec<RemedyStep> {
    let kbs = KbTable::shipped();
    let class = catalogue::class_of(hresult, damaged.is_some());
    let check = damaged.map(|damaged| Check {
        component_key,
        file: &damaged.file,
        hash: &damaged.hash_expected,
    });
    let facts = steps::Facts {
        kb,
        build: kbs.build_of(kb, None),
        kbs: &kbs,
        repairs: vec![Repair {
            whom: None,
            folders: vec![SOURCE_TO_CHOOSE],
            checks: check.into_iter().collect(),
            unchecked: 0,
        }],
    };
    if kb.is_empty() {
        steps::cure(class, &facts)
    } else {
        steps::steps(class, &facts)
    }
}

/// Files of which the hash is asked for; more would not fit into a window.
const MAX_CHECKS: usize = 8;

/// The files to check in a source: store folder, file and hash of one and the
/// same record each. Another architecture or version of the assembly has another
/// hash, by which the right source would be turned away. Files that most devices
/// have come first, and of each the record that is told most often.
fn files_to_check<'a>(trouble: &Trouble<'a>, whose: impl Fn(usize) -> bool) -> Vec<Check<'a>> {
    let shared: Vec<_> = trouble.damage.iter().flat_map(|g| &g.files).collect();
    let mut told: BTreeMap<(usize, Check<'a>), u64> = BTreeMap::new();
    let broken = trouble.broken.iter().filter(|(number, _)| whose(*number));
    for (_, broken) in broken {
        let check = Check {
            component_key: &broken.component,
            file: broken.file.trim_start_matches('\\'),
            hash: &broken.hash_expected,
        };
        let named = !parse_component(check.component_key).version.is_empty();
        if named && check.is_sound() {
            let rank = shared.iter().position(|file| is_of(broken, file));
            *told.entry((rank.unwrap_or(usize::MAX), check)).or_default() += 1;
        }
    }
    let mut told: Vec<((usize, Check<'a>), u64)> = told.into_iter().collect();
    told.sort_by_key(|((rank, check), times)| (*rank, Reverse(*times), *check));
    told.dedup_by_key(|((rank, _), _)| *rank);
    told.truncate(MAX_CHECKS);
    told.into_iter().map(|((_, check), _)| check).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::damage::{DeviceDamage, group};

    fn broken(arch: &str, version: &str, hash: &str) -> Broken {
        Broken {
            component: format!(
                "{arch}_example-part_31bf3856ad364e35_{version}_none_0123456789abcdef"
            ),
            version: String::new(),
            arch: String::new(),
            file: "part.dll".to_owned(),
            hash_expected: hash.repeat(32),
            evidence: kbwatch_proto::ids::EventId::default(),
        }
    }

    #[test]
    fn key_file_and_hash_of_a_check_stand_in_one_record() {
        // The smallest key by spelling is that of another architecture and of
        // an older version, which few devices name.
        let shared = broken("wow64", "10.0.17763.3770", "ab");
        let others = [
            broken("amd64", "10.0.17763.1", ""),
            broken("amd64", "10.0.17763.3770", "cd"),
            broken("wow64", "10.0.17763.1", ""),
        ];
        let mut devices = vec![vec![&shared]; 5];
        devices.push(others.iter().collect());
        let damage = group(
            &devices
                .iter()
                .map(|broken| DeviceDamage {
                    broken: broken.clone(),
                })
                .collect::<Vec<_>>(),
        );
        let kbs = KbTable::shipped();
        let trouble = Trouble {
            kb: "KB5022286",
            build: None,
            hresult: Some(0x800f_0985),
            damage: &damage,
            broken: (0..).zip(devices.concat()).collect(),
            kbs: &kbs,
        };
        let checks = files_to_check(&trouble, |_| true);
        assert_eq!(checks[0].component_key, shared.component);
        assert_eq!(checks[0].hash, shared.hash_expected);
    }
}
