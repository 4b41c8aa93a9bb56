//! Which combinations are causes: the one that explains most for its length,
//! then the next among the rows that are left, as long as it is worth telling
//! beside the first and the interval that is printed for it, over the rows left,
//! lies above 1.

use super::cuboids::{Asked, Cell, Field, Item, has};
use super::ratio;
use super::ripple::{Voice, voices, weigh};
use super::storms::{Without, storm_in};
use super::table::{Attribute, Counts, Table};

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
const CHANCE_OF_FURTHER: f64 = 8.0;

/// A cause multiplies the rate by this at least; where there is no comparison,
/// differences that were always there must be passed over.
const LEAST_LIFT: f64 = 1.3;
const LEAST_LIFT_ALONE: f64 = 2.5;

/// A further cause explains this share of what the first does, and multiplies
/// the rate by this power of its factor, at least.
const LEAST_SHARE: f64 = 0.04;
const LEAST_POWER: f64 = 0.4;

/// Most leaves that are put aside.
const MAX_STORMS: usize = 10;

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
        let common = common_factor(table, &voices);
        weigh(&mut voices, &factors, common);
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
    let mut storms = 0;
    while found.len() < MAX_CAUSES {
        let field = Field::new(table, voices, left.clone());
        let Some(next) = best_of(&field) else { break };
        let told =
            |one: &Found| convinces(one, table.compares) && stands_beside(one, found.first());
        if !told(&next) {
            break;
        }
        let rest_told = |rest: &Without| {
            let lost = next.score - rest.score;
            told(&Found {
                score: rest.score,
                lift: rest.lift,
                beyond_chance: next.beyond_chance - lost,
                items: next.items.clone(),
            })
        };
        let storm = storm_in(&field, (&next.items, next.score), rest_told);
        if let Some(storm) = storm.filter(|_| storms < MAX_STORMS) {
            left.retain(|row| *row != storm);
            storms += 1;
            continue;
        }
        if !more_than_usual(table, &left, &next.items) {
            break;
        }
        left.retain(|row| !has(table, *row, &next.items));
        found.push(next);
    }
    found
}

/// Whether the interval that is printed lies above 1, over the rows left.
fn more_than_usual(table: &Table, left: &[usize], items: &[Item]) -> bool {
    let (mut inside, mut outside) = (Counts::default(), Counts::default());
    for row in left {
        if let Some(counts) = table.counts.get(*row) {
            let side = if has(table, *row, items) {
                &mut inside
            } else {
                &mut outside
            };
            side.add(*counts);
        }
    }
    ratio(table, &inside, &outside).low > 1.0
}

/// What a combination is worth: what it explains, less its length.
fn worth(score: f64, items: usize) -> f64 {
    let items = f64::from(u32::try_from(items).unwrap_or(u32::MAX));
    score * (1.0 - PER_ITEM_SHARE).powf(items - 1.0) - PER_ITEM * items
}

fn best_of(field: &Field<'_>) -> Option<Found> {
    let asked = Asked {
        worth,
        chance: chance_and_lift(field.table.compares).0,
    };
    let tried = field.cells(&asked);
    let of = |cell: &Cell| worth(cell.score, cell.items.len());
    let best = tried.cells.iter().max_by(|a, b| {
        let by_worth = of(a).total_cmp(&of(b));
        by_worth.then_with(|| b.items.cmp(&a.items))
    })?;
    Some(Found {
        items: best.items.clone(),
        score: best.score,
        lift: field.lift(&best.sum, &best.items),
        beyond_chance: best.score - tried.number.ln(),
    })
}

/// Score beyond chance, and lift, that a cause has at least.
fn chance_and_lift(compares: bool) -> (f64, f64) {
    if compares {
        (CHANCE, LEAST_LIFT)
    } else {
        (CHANCE_ALONE, LEAST_LIFT_ALONE)
    }
}

fn convinces(found: &Found, compares: bool) -> bool {
    let (chance, lift) = chance_and_lift(compares);
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
        return vec![common_factor(table, voices); voices.len()];
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

/// The factor that all leaves share: for each attribute that of its middle value,
/// and the lowest of these, so that a cause counts for little.
fn common_factor(table: &Table, voices: &[Voice]) -> f64 {
    let middle = |(column, attribute): (&Vec<usize>, &Attribute)| {
        let mut sums = vec![(0.5, 0.5); attribute.values.len()];
        for (value, voice) in column.iter().zip(voices) {
            if let Some(sum) = sums.get_mut(*value) {
                sum.0 += voice.failed;
                sum.1 += voice.expected;
            }
        }
        let mut ratios: Vec<(f64, f64)> = sums.into_iter().map(|(f, e)| (f / e, e)).collect();
        ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
        let half = 0.5 * ratios.iter().map(|(_, expected)| expected).sum::<f64>();
        let mut below = 0.0;
        let middle = ratios.into_iter().find(|(_, expected)| {
            below += expected;
            below >= half
        });
        middle.map(|(ratio, _)| ratio)
    };
    let middles = table
        .columns
        .iter()
        .zip(&table.attributes)
        .filter_map(middle);
    middles.min_by(f64::total_cmp).unwrap_or(1.0)
}
