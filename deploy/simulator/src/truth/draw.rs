//! Draws the truth from a plan.

use std::collections::BTreeMap;

use super::{
    DeviceOutcome, ExpectedAlert, Innocent, KbTruth, Outcome, PlantedCluster, Repair, RolloutTruth,
    Truth, hex,
};
use crate::plan::{AttemptPlan, Breaks, Class, DevicePlan, FAMILY_17763, Fate, FleetPlan, family};
use crate::scenario::{BAD_IMAGE, CANCELLED_HRESULT, FOLLOWER, PLANTED_HRESULT};

impl Truth {
    /// Draws the truth from a plan.
    pub fn of(plan: &FleetPlan) -> Self {
        let outcomes = outcomes(plan);
        let current = FAMILY_17763.current.number;
        let with = |outcome: Outcome| -> Vec<String> {
            outcomes
                .iter()
                .filter(|row| row.kb == current && row.outcome == outcome)
                .map(|row| row.device.clone())
                .collect()
        };
        let cluster = planted(plan, &outcomes);
        Self {
            seed: plan.config.seed,
            devices: plan.devices.len() as u64,
            now_ms: plan.config.now_ms,
            live_until_ms: plan.config.now_ms + plan.config.live_ms,
            exonerated: innocent(plan, &outcomes, &cluster),
            silent: with(Outcome::GoneSilent),
            off: ids(plan, |device| {
                device.dark_at_ms.is_some()
                    && device
                        .attempts
                        .last()
                        .is_none_or(|last| last.fate != Fate::WentSilent)
            }),
            pending: with(Outcome::PendingReboot),
            healed: outcomes
                .iter()
                .filter(|row| row.healed && row.kb == current)
                .map(|row| row.device.clone())
                .collect(),
            cancelled: with(Outcome::Cancelled),
            kbs: sums(&outcomes),
            rollout: rollout(plan),
            repair: repair(plan),
            alerts: ["new_cluster", "new_code"]
                .map(|kind| ExpectedAlert {
                    kind: kind.to_owned(),
                    kb: cluster.kb.clone(),
                    hresult: cluster.hresult.clone(),
                })
                .to_vec(),
            clusters: vec![cluster],
            outcomes,
        }
    }
}

fn ids(plan: &FleetPlan, fits: impl Fn(&DevicePlan) -> bool) -> Vec<String> {
    plan.devices
        .iter()
        .filter(|device| fits(device))
        .map(|device| device.id.clone())
        .collect()
}

fn outcome_of(attempt: &AttemptPlan) -> (Outcome, Option<u32>) {
    match attempt.fate {
        Fate::Succeeded => (Outcome::Succeeded, None),
        Fate::Failed {
            hresult,
            breaks: Breaks::AfterReboot,
        } => (Outcome::RolledBack, Some(hresult)),
        Fate::Failed { hresult, .. } => (Outcome::Failed, Some(hresult)),
        Fate::PendingReboot => (Outcome::PendingReboot, None),
        Fate::Cancelled => (Outcome::Cancelled, Some(CANCELLED_HRESULT)),
        Fate::WentSilent => (Outcome::GoneSilent, None),
    }
}

fn outcomes(plan: &FleetPlan) -> Vec<DeviceOutcome> {
    let mut rows = Vec::new();
    for device in &plan.devices {
        let mut by_kb = BTreeMap::<&str, Vec<&AttemptPlan>>::new();
        for attempt in &device.attempts {
            by_kb.entry(attempt.kb.number).or_default().push(attempt);
        }
        for (kb, attempts) in by_kb {
            let Some(last) = attempts.last() else {
                continue;
            };
            let (outcome, hresult) = outcome_of(last);
            rows.push(DeviceOutcome {
                device: device.id.clone(),
                kb: kb.to_owned(),
                outcome,
                hresult: hresult.map(hex),
                attempts: u32::try_from(attempts.len()).unwrap_or(u32::MAX),
                healed: outcome == Outcome::Succeeded && attempts.len() > 1,
                ended_at_ms: last.ended_at_ms,
                live: last.ended_at_ms > plan.config.now_ms,
            });
        }
    }
    rows
}

fn sums(outcomes: &[DeviceOutcome]) -> Vec<KbTruth> {
    let mut by_kb = BTreeMap::<&str, KbTruth>::new();
    for row in outcomes {
        let sum = by_kb.entry(&row.kb).or_insert_with(|| KbTruth {
            kb: row.kb.clone(),
            tried: 0,
            failed: 0,
            succeeded: 0,
            pending: 0,
            cancelled: 0,
            gone_silent: 0,
            healed: 0,
            codes: BTreeMap::new(),
        });
        sum.tried += u64::from(row.outcome.is_closed());
        sum.healed += u64::from(row.healed);
        match row.outcome {
            Outcome::Succeeded => sum.succeeded += 1,
            Outcome::Failed | Outcome::RolledBack => {
                sum.failed += 1;
                *sum.codes
                    .entry(row.hresult.clone().unwrap_or_default())
                    .or_default() += 1;
            }
            Outcome::PendingReboot => sum.pending += 1,
            Outcome::Cancelled => sum.cancelled += 1,
            Outcome::GoneSilent => sum.gone_silent += 1,
        }
    }
    by_kb.into_values().collect()
}

fn planted(plan: &FleetPlan, outcomes: &[DeviceOutcome]) -> PlantedCluster {
    let kb = FAMILY_17763.current.number;
    let hresult = hex(PLANTED_HRESULT);
    let members = |live_too: bool| {
        outcomes
            .iter()
            .filter(|row| row.kb == kb && row.hresult.as_deref() == Some(&hresult))
            .filter(|row| live_too || !row.live)
            .map(|row| row.device.clone())
            .collect()
    };
    PlantedCluster {
        kb: kb.to_owned(),
        devices: members(true),
        devices_at_start: members(false),
        untried: ids(plan, |device| {
            device.damaged && device.current_attempts().next().is_none()
        }),
        cause: [("image".to_owned(), BAD_IMAGE.to_owned())].into(),
        damage: plan.damage.clone(),
        hresult,
    }
}

fn innocent(plan: &FleetPlan, outcomes: &[DeviceOutcome], cluster: &PlantedCluster) -> Innocent {
    let carriers: std::collections::BTreeSet<String> =
        ids(plan, |device| device.security == FOLLOWER)
            .into_iter()
            .collect();
    let (product, version) = FOLLOWER;
    Innocent {
        facts: [
            ("security_product".to_owned(), product.to_owned()),
            ("security_version".to_owned(), version.to_owned()),
        ]
        .into(),
        counter_examples: outcomes
            .iter()
            .filter(|row| row.kb == cluster.kb && row.outcome == Outcome::Succeeded)
            .filter(|row| carriers.contains(&row.device))
            .map(|row| row.device.clone())
            .collect(),
        failed_without: cluster
            .devices
            .iter()
            .filter(|device| !carriers.contains(*device))
            .cloned()
            .collect(),
    }
}

fn repair(plan: &FleetPlan) -> Repair {
    let family = FAMILY_17763;
    let build = format!("{}.{}", family.build, family.earlier.ubr);
    let end = plan.config.now_ms + plan.config.live_ms;
    // Cash machines serve nobody, and a device that goes dark cannot.
    let may_serve = |device: &DevicePlan| {
        device.build == family.build
            && device.language == "zh-CN"
            && device.class != Class::Atm
            && !device.damaged
            && device.dark_at_ms.is_none()
    };
    Repair {
        depots: plan
            .depots
            .iter()
            .filter(|depot| depot.build == build && depot.language == "zh-CN")
            .cloned()
            .collect(),
        known_depots: plan.depots.clone(),
        peers: ids(plan, |device| {
            may_serve(device) && device.ubr_at(end) == family.earlier.ubr
        }),
        recent_peers: ids(plan, |device| {
            let last = device.current_attempts().last();
            may_serve(device)
                && last.is_some_and(|last| {
                    last.fate == Fate::Succeeded
                        && device.ubr_at(last.started_at_ms) == family.earlier.ubr
                })
        }),
        build,
    }
}

/// Where every target stands once the live phase is over.
fn rollout(plan: &FleetPlan) -> RolloutTruth {
    let end = plan.config.now_ms + plan.config.live_ms;
    let mut rows = RolloutTruth {
        targets: (plan.devices.len() + plan.uncollected.len()) as u64,
        no_collector: plan.uncollected.len() as u64,
        ..RolloutTruth::default()
    };
    for device in &plan.devices {
        let last = device
            .current_attempts()
            .last()
            .map(|attempt| outcome_of(attempt).0);
        let target = family(device.build).map(|family| family.current.ubr);
        let row = match (target, last) {
            _ if device.excluded.is_some() => &mut rows.excluded,
            (None, _) => &mut rows.not_applicable,
            (Some(target), _) if device.ubr_at(end) >= target => &mut rows.compliant,
            _ if device.dark_at_ms.is_some() => &mut rows.silent,
            (_, Some(Outcome::Failed | Outcome::RolledBack)) => &mut rows.failed,
            (_, Some(Outcome::PendingReboot)) => &mut rows.pending_reboot,
            (_, Some(Outcome::Cancelled)) => &mut rows.cancelled,
            _ => &mut rows.not_tried,
        };
        *row += 1;
    }
    rows
}
