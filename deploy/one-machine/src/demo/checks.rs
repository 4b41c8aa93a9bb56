//! The picture of the fleet held against the simulator's truth.
//!
//! Pure: truth, picture and mailbox in, checks out. The truth comes from the
//! simulator's plan, never from anything that went through the river.

use std::collections::BTreeMap;

use kbwatch_analyzer::view::{Cluster, KbStatus, Outcomes, Rate, RolloutRows, View};
use kbwatch_simulator::truth::{KbTruth, PlantedCluster, Truth};
use serde_json::json;

use super::cluster_checks::cluster_checks;
use super::result::Check;
use super::webhook::Mailbox;

/// Everything that the picture must show.
pub(crate) fn checks(truth: &Truth, view: &View, mailbox: &Mailbox) -> Vec<Check> {
    let mut checks = vec![clusters_alone(truth, view)];
    for planted in &truth.clusters {
        match find(planted, view) {
            Some(cluster) => checks.extend(cluster_checks(truth, planted, cluster)),
            None => checks.push(Check::that(
                "planted_cluster",
                false,
                &planted.hresult,
                "not called",
            )),
        }
    }
    checks.extend(truth.kbs.iter().map(|kb| kb_outcomes(kb, view)));
    checks.push(fleet_size(truth, view));
    checks.extend(silence(truth, view));
    checks.push(rollout(truth, view));
    checks.extend(alerts(truth, mailbox));
    checks
}

fn find<'a>(planted: &PlantedCluster, view: &'a View) -> Option<&'a Cluster> {
    view.clusters
        .iter()
        .find(|cluster| cluster.kb == planted.kb && cluster.hresult == planted.hresult)
}

/// The planted cluster is called, and no other.
fn clusters_alone(truth: &Truth, view: &View) -> Check {
    let expected: Vec<_> = truth
        .clusters
        .iter()
        .map(|planted| format!("{} {}", planted.kb, planted.hresult))
        .collect();
    let found: Vec<_> = view
        .clusters
        .iter()
        .map(|cluster| format!("{} {}", cluster.kb, cluster.hresult))
        .collect();
    Check::equal("the_planted_cluster_alone_is_called", expected, found)
}

/// One definition of the failure rate, everywhere.
fn kb_outcomes(kb: &KbTruth, view: &View) -> Check {
    let found = view.kbs.iter().find(|status| status.kb == kb.kb);
    let outcomes = found.map_or_else(Outcomes::default, |status| status.outcomes);
    let rate = found.map_or_else(Rate::default, |status| status.rate);
    let expected = json!({
        "kb": kb.kb, "tried": kb.tried, "failed": kb.failed, "succeeded": kb.succeeded,
        "pending": kb.pending, "cancelled": kb.cancelled, "gone_silent": kb.gone_silent,
        "healed": kb.healed, "unknown": 0, "codes": kb.codes,
    });
    let codes: BTreeMap<_, _> = found
        .into_iter()
        .flat_map(|status: &KbStatus| &status.codes)
        .map(|code| (code.hresult.clone(), code.devices))
        .collect();
    let found = json!({
        "kb": kb.kb, "tried": rate.tried, "failed": rate.failed,
        "succeeded": outcomes.succeeded, "pending": outcomes.pending,
        "cancelled": outcomes.cancelled, "gone_silent": outcomes.gone_silent,
        "healed": outcomes.healed, "unknown": outcomes.unknown, "codes": codes,
    });
    let name = format!("every_device_stands_once_where_it_belongs_for_{}", kb.kb);
    Check::equal(name, expected, found)
}

fn fleet_size(truth: &Truth, view: &View) -> Check {
    Check::equal(
        "every_device_is_known_once",
        truth.devices,
        view.fleet.devices,
    )
}

/// Silent devices are named, and those that went dark in the reboot apart.
fn silence(truth: &Truth, view: &View) -> [Check; 2] {
    let silent = view.silent.iter().map(|device| device.device_id.clone());
    let dark = view
        .silent
        .iter()
        .filter(|device| device.why == "dark_in_reboot")
        .map(|device| device.device_id.clone());
    [
        Check::same_members(
            "the_silent_devices_are_named",
            truth.silent.iter().chain(&truth.off).cloned(),
            silent,
        ),
        Check::same_members(
            "those_dark_since_the_reboot_stand_apart",
            truth.silent.iter().cloned(),
            dark,
        ),
    ]
}

/// The target list's rows add up, and are those of the plan.
fn rollout(truth: &Truth, view: &View) -> Check {
    let planned = &truth.rollout;
    let (targets, rows) = view
        .rollouts
        .first()
        .map_or((0, RolloutRows::default()), |rollout| {
            (rollout.targets, rollout.rows)
        });
    let sum = rows.compliant
        + rows.failed
        + rows.pending_reboot
        + rows.in_progress
        + rows.waiting_window
        + rows.not_offered
        + rows.not_applicable
        + rows.excluded
        + rows.excused
        + rows.silent
        + rows.no_collector;
    // A device whose attempt was called off has no attempt under way and
    // stands with those that did not try.
    let expected = json!({
        "targets": planned.targets, "sum": planned.targets, "compliant": planned.compliant,
        "failed": planned.failed, "pending_reboot": planned.pending_reboot,
        "open": planned.cancelled + planned.not_tried,
        "not_applicable": planned.not_applicable, "excluded": planned.excluded,
        "silent": planned.silent, "no_collector": planned.no_collector,
    });
    let found = json!({
        "targets": targets, "sum": sum, "compliant": rows.compliant,
        "failed": rows.failed, "pending_reboot": rows.pending_reboot,
        "open": rows.in_progress + rows.not_offered,
        "not_applicable": rows.not_applicable, "excluded": rows.excluded,
        "silent": rows.silent, "no_collector": rows.no_collector,
    });
    Check::equal("the_rollout_adds_up", expected, found)
}

/// Distinct alerts are the expected ones, each once, all signed.
fn alerts(truth: &Truth, mailbox: &Mailbox) -> [Check; 2] {
    let mut expected: Vec<_> = truth
        .alerts
        .iter()
        .map(|alert| format!("{} {} {}", alert.kind, alert.kb, alert.hresult))
        .collect();
    let mut found: Vec<_> = mailbox
        .alerts
        .values()
        .map(|alert| format!("{} {} {}", alert.kind, alert.kb, alert.hresult))
        .collect();
    expected.sort();
    found.sort();
    [
        Check::equal("the_distinct_alerts_are_the_expected_ones", expected, found),
        Check::equal("every_alert_is_signed", 0, mailbox.forged),
    ]
}
