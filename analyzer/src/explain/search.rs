//! Which combinations are causes: the one that explains most for its length,
//! then the next among the rows that are left.

use super::cuboids::{Cell, Field, Item, has};
use super::ripple::{Voice, voices, weigh};
use super::table::Table;

/// Most causes shown.
const MAX_CAUSES: usize = 5;

/// A longer combination must explain this share more, for each further item.
const PER_ITEM_SHARE: f64 = 0.05;

/// Log likelihood that each item costs.
const PER_ITEM: f64 = 3.0;

/// Log likelihood that chance may reach over everything that is tried: it takes
/// more where only the rest of the table stands for what is usual, and for a
/// cause beside another one.
const CHANCE: f64 = 2.5;
const CHANCE_ALONE: f64 = 6.0;
const CHANCE_OF_FURTHER: f64 = 5.0;

/// A cause multiplies the rate by this at least; where there is no comparison,
/// differences that were always there must be passed over.
const LEAST_LIFT: f64 = 1.3;
const LEAST_LIFT_ALONE: f64 = 2.5;

/// A further cause explains this share of what the first does, and multiplies
/// the rate by this power of its factor, at least.
const LEAST_SHARE: f64 = 0.08;
const LEAST_POWER: f64 = 0.4;

/// A cause and how much it explains.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) items: Vec<Item>,
    score: f64,
    /// Factor inside over factor outside.
    lift: f64,
    /// Log likelihood beyond what the number of combinations explains.
    beyond_chance: f64,
}

/// Finds causes, best first.
pub(super) fn search(table: &Table) -> Vec<Found> {
    let mut voices = voices(table);
    let mut found: Vec<Found> = Vec::new();
    // The spread is estimated around what was found, and sharpens it.
    for _ in 0..2 {
        let factors = factors(table, &voices, &found);
        weigh(&mut voices, &factors);
        let again = one_after_the_other(table, &voices);
        let items = |found: &[Found]| found.iter().map(|f| f.items.clone()).collect::<Vec<_>>();
        let same = items(&again) == items(&found);
        found = again;
        if same || found.is_empty() {
            break;
        }
    }
    found
}

fn one_after_the_other(table: &Table, voices: &[Voice]) -> Vec<Found> {
    let mut left: Vec<usize> = (0..voices.len()).collect();
    let mut found: Vec<Found> = Vec::new();
    while found.len() < MAX_CAUSES {
        let field = Field::new(table, voices, left.clone());
        let next = best_of(&field).filter(|next| convinces(next, table.compares));
        let Some(next) = next.filter(|next| stands_beside(next, found.first())) else {
            break;
        };
        left.retain(|row| !has(table, *row, &next.items));
        found.push(next);
    }
    found
}

/// What a combination is worth: what it explains, less its length.
fn worth(cell: &Cell) -> f64 {
    let items = cell.items.iter().map(|_| 1.0).sum::<f64>();
    cell.score * (1.0 - PER_ITEM_SHARE).powf(items - 1.0) - PER_ITEM * items
}

fn best_of(field: &Field<'_>) -> Option<Found> {
    let cells = field.cells(worth);
    let tried = cells.iter().map(|_| 1.0).sum::<f64>().max(1.0);
    let best = cells.iter().max_by(|a, b| {
        let by_worth = worth(a).total_cmp(&worth(b));
        by_worth.then_with(|| b.items.cmp(&a.items))
    })?;
    Some(Found {
        items: best.items.clone(),
        score: best.score,
        lift: field.lift(&best.sum),
        beyond_chance: best.score - tried.ln(),
    })
}

fn convinces(found: &Found, compares: bool) -> bool {
    let (chance, lift) = if compares {
        (CHANCE, LEAST_LIFT)
    } else {
        (CHANCE_ALONE, LEAST_LIFT_ALONE)
    };
    found.beyond_chance >= chance && found.lift >= lift
}

/// Whether a cause is worth telling beside the first one.
fn stands_beside(found: &Found, first: Option<&Found>) -> bool {
    first.is_none_or(|first| {
        found.score >= LEAST_SHARE * first.score
            && found.lift >= first.lift.powf(LEAST_POWER)
            && found.beyond_chance >= CHANCE_OF_FURTHER
    })
}

/// The factor that each leaf's rate is changed by, given the causes.
fn factors(table: &Table, voices: &[Voice], found: &[Found]) -> Vec<f64> {
    if found.is_empty() {
        return vec![common_factor(voices); voices.len()];
    }
    let belongs = |row: usize| {
        let cause = found.iter().position(|one| has(table, row, &one.items));
        cause.map_or(0, |at| at + 1)
    };
    let group: Vec<usize> = (0..voices.len()).map(belongs).collect();
    let mut sums = vec![(0.0, 0.0); found.len() + 1];
    for (voice, at) in voices.iter().zip(&group) {
        if let Some(sum) = sums.get_mut(*at) {
            sum.0 += voice.failed * voice.weight;
            sum.1 += voice.expected * voice.weight;
        }
    }
    let factor = |at: &usize| {
        let (failed, expected) = sums.get(*at).copied().unwrap_or_default();
        (failed + 0.5) / (expected + 0.5)
    };
    group.iter().map(factor).collect()
}

/// The factor that half of what is expected stays below: that of leaves without
/// a cause, as long as causes hold less than half.
fn common_factor(voices: &[Voice]) -> f64 {
    let known = voices.iter().filter(|voice| voice.expected > 0.0);
    let mut ratios: Vec<(f64, f64)> = known
        .map(|voice| (voice.failed / voice.expected, voice.expected))
        .collect();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = 0.5 * ratios.iter().map(|(_, expected)| expected).sum::<f64>();
    let mut below = 0.0;
    for (ratio, expected) in ratios {
        below += expected;
        if below >= half {
            return ratio;
        }
    }
    1.0
}
