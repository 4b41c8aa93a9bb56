//! What to do about a cluster: its damage, who is suspect, what may repair it.

use std::collections::BTreeMap;

use super::Around;
use crate::board::{Board, Standing};
use crate::damage::{DeviceDamage, group};
use crate::find::Ending;
use crate::fleet::Fleet;
use crate::remedy::{Situation, Trouble, remedy};
use crate::view::{CauseCandidate, DamageGroup, Remedy};

/// The fact that names the golden image.
const IMAGE: &str = "image";

/// What is broken on the devices that ever failed so.
pub(super) fn damage(ever: &[&Standing<'_>], ending: Ending) -> Vec<DamageGroup> {
    let devices: Vec<DeviceDamage<'_>> = ever
        .iter()
        .map(|standing| DeviceDamage {
            broken: standing.failures(ending).flat_map(|a| &a.broken).collect(),
        })
        .collect();
    group(&devices)
}

/// What the failing devices share, and no source should: the leading cause. Where
/// whoever gets the KB is of one image, no cause can be told; if the same files
/// are broken on most, that image is suspect all the same.
fn suspect(
    (damage, causes): (&[DamageGroup], &[CauseCandidate]),
    failing: &[usize],
    fleet: &Fleet,
) -> Option<BTreeMap<String, String>> {
    if let Some(leading) = causes.first() {
        return Some(leading.facts.clone());
    }
    let same_files = damage.first()?.devices * 2 >= failing.len() as u64;
    let image = |number: &usize| {
        let facts = fleet.devices.get(*number)?.facts_now()?;
        Some(fleet.words.value(facts, IMAGE)).filter(|image| !image.is_empty())
    };
    let first = failing.first().and_then(image)?;
    let shared = same_files && failing.iter().all(|number| image(number) == Some(first));
    shared.then(|| BTreeMap::from([(IMAGE.to_owned(), first.to_owned())]))
}

/// Steps and sources.
pub(super) fn remedy_for(
    board: &Board<'_>,
    ending: Ending,
    (damage, causes): (&[DamageGroup], &[CauseCandidate]),
    ever: &[&Standing<'_>],
    failing: &[usize],
    around: Around<'_>,
) -> Remedy {
    let trouble = Trouble {
        kb: board.kb,
        build: board.build,
        hresult: ending.hresult,
        damage,
        broken: ever
            .iter()
            .flat_map(|standing| {
                let broken = standing.failures(ending).flat_map(|one| &one.broken);
                broken.map(|broken| (standing.number, broken))
            })
            .collect(),
        kbs: around.kbs,
    };
    let suspect = suspect((damage, causes), failing, around.fleet);
    let situation = Situation {
        fleet: around.fleet,
        kb: board.kb,
        failing,
        depots: around.depots,
        donors: around.donors,
        suspect: suspect.as_ref(),
        now_ms: around.now_ms,
        presence_limit_ms: around.presence_limit_ms,
    };
    remedy(&trouble, &situation)
}
