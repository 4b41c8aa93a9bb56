//! The planted cluster as the picture shows it: members, damage, cause,
//! counter-examples, source.

use std::collections::{BTreeMap, BTreeSet};

use kbwatch_analyzer::view::{CauseCandidate, Cluster, DamagedFile, RepairSource};
use kbwatch_simulator::truth::{PlantedCluster, Truth};
use serde_json::json;

use super::result::Check;

/// Everything that must be said of it.
pub(super) fn cluster_checks(
    truth: &Truth,
    planted: &PlantedCluster,
    cluster: &Cluster,
) -> Vec<Check> {
    let members = || {
        cluster
            .devices
            .iter()
            .map(|device| device.device_id.clone())
    };
    vec![
        Check::same_members(
            "every_planted_device_is_a_member_once",
            planted.devices.iter().cloned(),
            members(),
        ),
        Check::equal(
            "the_cluster_counts_its_members",
            planted.devices.len(),
            cluster.failed,
        ),
        Check::equal(
            "the_growth_counts_each_device_once",
            cluster.ever_failed,
            cluster.series.iter().map(|point| point.failed).sum::<u64>(),
        ),
        damage(planted, cluster),
        cause(planted, cluster),
        no_blame(truth, cluster),
        counter_examples(truth, cluster),
        repair_source(truth, planted, cluster),
        Check::that(
            "the_remedy_has_steps_with_commands_in_both_languages",
            !cluster.remedy.steps.is_empty()
                && cluster
                    .remedy
                    .steps
                    .iter()
                    .all(|step| !step.en.is_empty() && !step.zh.is_empty())
                && cluster.remedy.steps.iter().any(|step| {
                    step.command.contains("/RestoreHealth") && step.command.contains("/LimitAccess")
                }),
            "steps with a DISM command",
            cluster.remedy.steps.len(),
        ),
        Check::that(
            "members_have_evidence",
            cluster
                .devices
                .iter()
                .all(|device| !device.evidence.is_empty()),
            "events behind every member",
            cluster
                .devices
                .iter()
                .filter(|device| device.evidence.is_empty())
                .count(),
        ),
    ]
}

/// The damage group that all members share is what was planted.
fn damage(planted: &PlantedCluster, cluster: &Cluster) -> Check {
    let name = |arch: &str, assembly: &str, file: &str| format!("{arch} / {assembly} / {file}");
    let expected: BTreeSet<_> = planted
        .damage
        .iter()
        .map(|file| name(&file.arch, &file.assembly, &file.file))
        .collect();
    let found = cluster.damage.first();
    let files: BTreeSet<_> = found
        .into_iter()
        .flat_map(|group| &group.files)
        .map(|file: &DamagedFile| name(&file.arch, &file.assembly, &file.file))
        .collect();
    let devices = found.map_or(0, |group| group.devices);
    Check::that(
        "the_damage_group_is_the_planted_one",
        cluster.damage.len() == 1
            && same_files(planted, found.map_or(&[], |group| &group.files))
            && devices == planted.devices.len() as u64,
        json!({ "files": expected, "devices": planted.devices.len(), "groups": 1 }),
        json!({ "files": files, "devices": devices, "groups": cluster.damage.len() }),
    )
}

/// Same files, where a log shortened an assembly's name with `..`.
fn same_files(planted: &PlantedCluster, found: &[DamagedFile]) -> bool {
    let fits = |planted: &kbwatch_simulator::plan::DamagedFile, found: &DamagedFile| {
        planted.arch == found.arch
            && planted.file.eq_ignore_ascii_case(&found.file)
            && assembly_fits(&planted.assembly, &found.assembly)
    };
    planted.damage.len() == found.len()
        && planted
            .damage
            .iter()
            .all(|file| found.iter().any(|other| fits(file, other)))
}

fn assembly_fits(full: &str, printed: &str) -> bool {
    match printed.split_once("..") {
        None => full.eq_ignore_ascii_case(printed),
        Some((head, tail)) => {
            let full = full.to_ascii_lowercase();
            full.starts_with(&head.to_ascii_lowercase())
                && full.ends_with(&tail.to_ascii_lowercase())
        }
    }
}

/// The first cause is the image, or a set that cannot be told apart from it.
fn cause(planted: &PlantedCluster, cluster: &Cluster) -> Check {
    let first = cluster.causes.first();
    let names = |cause: &CauseCandidate| {
        cause.facts == planted.cause
            || cause
                .inseparable
                .iter()
                .any(|facts| facts == &planted.cause)
    };
    Check::that(
        "the_first_cause_is_the_planted_fact",
        first.is_some_and(names),
        &planted.cause,
        cluster
            .causes
            .iter()
            .take(3)
            .map(|cause| {
                json!({
                    "facts": cause.facts,
                    "inseparable": cause.inseparable,
                    "failed": cause.failed,
                    "total": cause.total,
                    "risk_ratio": cause.risk_ratio,
                })
            })
            .collect::<Vec<_>>(),
    )
}

fn blames(cause: &CauseCandidate, innocent: &BTreeMap<String, String>) -> bool {
    std::iter::once(&cause.facts)
        .chain(&cause.inseparable)
        .any(|facts| {
            innocent
                .iter()
                .any(|(key, value)| facts.get(key) == Some(value))
        })
}

/// The agent that merely follows a ring is blamed in no cause.
fn no_blame(truth: &Truth, cluster: &Cluster) -> Check {
    let blamed: Vec<_> = cluster
        .causes
        .iter()
        .filter(|cause| blames(cause, &truth.exonerated.facts))
        .map(|cause| &cause.facts)
        .collect();
    Check::that(
        "the_follower_is_not_blamed",
        blamed.is_empty(),
        "no cause that names it",
        &blamed,
    )
}

/// It is exonerated, with devices that have it, tried and did not fail.
fn counter_examples(truth: &Truth, cluster: &Cluster) -> Check {
    let innocent = &truth.exonerated;
    let found = cluster.exonerated.iter().find(|exonerated| {
        exonerated
            .facts
            .iter()
            .all(|(key, value)| innocent.facts.get(key) == Some(value))
    });
    let known: BTreeSet<_> = innocent.counter_examples.iter().collect();
    let holds = found.is_some_and(|found| {
        found.counter_examples > 0
            && !found.examples.is_empty()
            && found.examples.iter().all(|device| known.contains(device))
    });
    Check::that(
        "the_follower_is_exonerated_by_devices_that_have_it",
        holds,
        json!({ "facts": innocent.facts, "devices": innocent.counter_examples.len() }),
        found,
    )
}

/// The best source is a depot or a peer that holds what the failing devices
/// need, and no source is one of them.
fn repair_source(truth: &Truth, planted: &PlantedCluster, cluster: &Cluster) -> Check {
    let repair = &truth.repair;
    let is_right = |source: &RepairSource| {
        source.build == repair.build
            && (repair
                .depots
                .iter()
                .any(|depot| depot.name == source.name && depot.path == source.path)
                || repair.peers.contains(&source.name))
    };
    let is_damaged = |source: &RepairSource| {
        planted.devices.contains(&source.name) || planted.untried.contains(&source.name)
    };
    let sources = &cluster.remedy.sources;
    Check::that(
        "a_valid_repair_source_comes_first",
        sources.first().is_some_and(is_right)
            && sources
                .iter()
                .filter(|source| source.tier <= 2)
                .all(is_right)
            && !sources.iter().any(is_damaged),
        json!({
            "build": repair.build,
            "depots": repair.depots.iter().map(|depot| &depot.name).collect::<Vec<_>>(),
            "peers": repair.peers.len(),
        }),
        sources.iter().take(4).collect::<Vec<_>>(),
    )
}
