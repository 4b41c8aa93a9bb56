//! The rollout as a patch manager would hand it in: a target list as CSV and
//! the release that the targets should reach.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::plan::{Depot, DevicePlan, FAMILY_17763, FAMILY_19044, FleetPlan};

/// The KB that a release has for one build family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseKb {
    /// Build family.
    pub build: u32,
    /// KB.
    pub kb: String,
    /// Level from which a device complies.
    pub ubr: u32,
}

/// What is rolled out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// `2023-01`.
    pub name: String,
    /// One per build family.
    pub kbs: Vec<ReleaseKb>,
}

/// The release of the demonstration.
pub fn release() -> Release {
    Release {
        name: FAMILY_17763.current.month.to_owned(),
        kbs: [FAMILY_17763.current, FAMILY_19044.current]
            .map(|kb| ReleaseKb {
                build: kb.build,
                kb: kb.number.to_owned(),
                ubr: kb.ubr,
            })
            .to_vec(),
    }
}

/// The target list: `device_id,hostname,ring,branch,province,class,excluded`,
/// the last a reason or empty; devices without a collector included.
pub fn targets_csv(plan: &FleetPlan) -> String {
    let mut csv = String::from("device_id,hostname,ring,branch,province,class,excluded\n");
    for device in plan.devices.iter().chain(&plan.uncollected) {
        row(&mut csv, device);
    }
    csv
}

/// The release as CSV: `release,build,kb,ubr`.
pub fn release_csv(release: &Release) -> String {
    let mut csv = String::from("release,build,kb,ubr\n");
    for kb in &release.kbs {
        let line = format!("{},{},{},{}\n", release.name, kb.build, kb.kb, kb.ubr);
        csv.push_str(&line);
    }
    csv
}

/// The shares to repair from: `name,path,build,edition,language,arch`.
pub fn depots_csv(depots: &[Depot]) -> String {
    let mut csv = String::from("name,path,build,edition,language,arch\n");
    for depot in depots {
        let Depot {
            name,
            path,
            build,
            edition,
            language,
        } = depot;
        let line = format!("{name},{path},{build},{edition},{language},amd64\n");
        csv.push_str(&line);
    }
    csv
}

fn row(csv: &mut String, device: &DevicePlan) {
    let written = writeln!(
        csv,
        "{},{},ring{},{},{},{},{}",
        device.id,
        device.hostname,
        device.ring,
        device.branch,
        device.province,
        device.class.as_str(),
        device.excluded.unwrap_or_default(),
    );
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::PlanConfig;
    use crate::scenario::demo;

    #[test]
    fn the_target_list_holds_every_device_and_some_that_nobody_hears() {
        let plan = demo(PlanConfig {
            devices: 400,
            seed: 1,
            now_ms: 1_790_000_000_000,
            live_ms: 60_000,
        });
        let csv = targets_csv(&plan);
        assert_eq!(csv.lines().count(), 1 + 400 + plan.uncollected.len());
        assert!(!plan.uncollected.is_empty());
        assert!(csv.contains("branch closes this month"));
    }
}
