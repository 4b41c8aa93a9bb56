//! Leaves that fail alone, as when one client retries all night: a leaf is put
//! aside where its set would not be told without it, it is unlike the rest of
//! the set, and it is not nearly all of the set's traffic.

use super::cuboids::{Field, Item, Sum};
use super::likelihood::{apart, lift, own};

/// Share of its score that a set keeps without its largest leaf, to be told.
const STANDS_WITHOUT: f64 = 0.25;

/// From this share of the traffic on a leaf is the set.
const NEARLY_ALL: f64 = 0.9;

/// Log likelihood ratio from which on a leaf is unlike the rest of its set.
const UNLIKE: f64 = 2.5;

/// A set without the leaf that adds most to it.
pub(super) struct Without {
    row: usize,
    /// The leaf's share of the set's traffic.
    share: f64,
    /// Of the rest.
    pub(super) score: f64,
    pub(super) lift: f64,
    /// Log likelihood ratio of "the leaf differs from the rest" over "all alike".
    unlike: f64,
}

/// The leaf, if there is one, that a set of this score is told for alone;
/// `told` says whether the set would be told without it.
pub(super) fn storm_in(
    field: &Field<'_>,
    (items, score): (&[Item], f64),
    told: impl Fn(&Without) -> bool,
) -> Option<usize> {
    let rest = without_largest(field, items)?;
    let stands = told(&rest) && rest.score >= STANDS_WITHOUT * score;
    let alone = !stands && rest.share < NEARLY_ALL && rest.unlike > UNLIKE;
    alone.then_some(rest.row)
}

fn without_largest(field: &Field<'_>, items: &[Item]) -> Option<Without> {
    let (mut set, mut largest) = (Sum::default(), None);
    let mut all = 0.0;
    for row in field.inside(items) {
        let Some(voice) = field.voices.get(row) else {
            continue;
        };
        set.add(voice, field.overall);
        all += traffic(field, row);
        let adds = voice.weight * (voice.failed - field.overall * voice.expected);
        if largest.is_none_or(|(most, _)| adds > most) {
            largest = Some((adds, row));
        }
    }
    let (_, row) = largest?;
    let mut leaf = Sum::default();
    leaf.add(field.voices.get(row)?, field.overall);
    let (whole, rest) = (field.whole.less(&leaf), set.less(&leaf));
    let score = apart(
        &whole,
        (rest.failed, rest.expected),
        field.null(&set, items),
    );
    let two = own(leaf.failed, leaf.expected) + own(rest.failed, rest.expected);
    Some(Without {
        row,
        share: traffic(field, row) / all.max(1e-9),
        score: score.unwrap_or_default(),
        lift: lift(&whole, &rest) / field.product(&set, items),
        unlike: two - own(set.failed, set.expected),
    })
}

/// What a leaf usually sees; retries do not count.
fn traffic(field: &Field<'_>, row: usize) -> f64 {
    let counts = field.table.counts.get(row).copied().unwrap_or_default();
    if counts.usual_total > 0.0 {
        counts.usual_total.min(counts.total)
    } else {
        counts.total - counts.failed
    }
}
