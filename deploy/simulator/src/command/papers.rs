//! The papers of a fleet: target list, release, truth and ledger.

use std::path::PathBuf;

use serde::Serialize;

use super::{CommandError, FleetArgs};
use crate::ledger::LedgerRow;
use crate::plan::FleetPlan;
use crate::rollout::{Release, depots_csv, release, release_csv, targets_csv};
use crate::truth::Truth;

/// What the truth file holds.
#[derive(Debug, Serialize)]
struct TruthFile<'a> {
    #[serde(flatten)]
    truth: &'a Truth,
    release: Release,
}

/// Target list, release, truth and ledger.
pub(super) fn write(
    args: &FleetArgs,
    plan: &FleetPlan,
    ledger: &[LedgerRow],
) -> Result<(), CommandError> {
    let put = |path: PathBuf, bytes: Vec<u8>| {
        std::fs::write(&path, bytes).map_err(|source| CommandError::Write { path, source })
    };
    put(args.dir.join("targets.csv"), targets_csv(plan).into_bytes())?;
    put(
        args.dir.join("release.csv"),
        release_csv(&release()).into_bytes(),
    )?;
    put(
        args.dir.join("depots.csv"),
        depots_csv(&plan.depots).into_bytes(),
    )?;
    put(
        args.dir.join("release.json"),
        serde_json::to_vec_pretty(&release())?,
    )?;
    if let Some(path) = &args.truth {
        let truth = TruthFile {
            truth: &Truth::of(plan),
            release: release(),
        };
        put(path.clone(), serde_json::to_vec_pretty(&truth)?)?;
        let mut beside = path.clone().into_os_string();
        beside.push(".ledger.json");
        put(PathBuf::from(beside), serde_json::to_vec(ledger)?)?;
    }
    Ok(())
}
