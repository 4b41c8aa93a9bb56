//! Tables of leaves with a known cause.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Attribute and value, by number; what a cause says.
pub(crate) type Pattern = BTreeMap<usize, usize>;

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) values: Vec<usize>,
    pub(crate) failed: f64,
    pub(crate) total: f64,
    pub(crate) usual_failed: f64,
    pub(crate) usual_total: f64,
}

impl Leaf {
    pub(crate) fn matches(&self, pattern: &Pattern) -> bool {
        pattern
            .iter()
            .all(|(attribute, value)| self.values.get(*attribute) == Some(value))
    }

    pub(crate) fn rate(&self) -> f64 {
        if self.total > 0.0 {
            self.failed / self.total
        } else {
            0.0
        }
    }
}

/// Rows, and what was planted in them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) attributes: usize,
    pub(crate) leaves: Vec<Leaf>,
    /// Has a comparison period.
    pub(crate) compares: bool,
    pub(crate) truth: BTreeSet<Pattern>,
}

impl Table {
    /// As `explain --csv` reads it.
    pub(crate) fn csv(&self) -> String {
        let mut header: Vec<String> = (0..self.attributes).map(|a| format!("a{a}")).collect();
        header.push("failed,total".to_owned());
        if self.compares {
            header.push("usual_failed,usual_total".to_owned());
        }
        let row = |leaf: &Leaf| {
            let mut cells: Vec<String> = leaf.values.iter().map(|v| format!("v{v}")).collect();
            cells.push(leaf.failed.to_string());
            cells.push(leaf.total.to_string());
            if self.compares {
                cells.push(leaf.usual_failed.to_string());
                cells.push(leaf.usual_total.to_string());
            }
            cells.join(",")
        };
        let rows = self.leaves.iter().map(row);
        let lines: Vec<String> = std::iter::once(header.join(",")).chain(rows).collect();
        lines.join("\n") + "\n"
    }

    /// A cause as it was printed, back to numbers.
    pub(crate) fn pattern(cause: &BTreeMap<String, String>) -> Pattern {
        let number = |text: &str| text.get(1..).and_then(|digits| digits.parse().ok());
        cause
            .iter()
            .filter_map(|(attribute, value)| Some((number(attribute)?, number(value)?)))
            .collect()
    }

    /// Usual rate of a leaf; the whole table's where nothing else is known.
    pub(crate) fn forecast(&self, leaf: &Leaf) -> f64 {
        let sum = |count: fn(&Leaf) -> f64| self.leaves.iter().map(count).sum::<f64>();
        if !self.compares {
            return sum(|l| l.failed) / sum(|l| l.total).max(1.0);
        }
        if leaf.usual_total > 0.0 {
            return leaf.usual_failed / leaf.usual_total;
        }
        sum(|l| l.usual_failed) / sum(|l| l.usual_total).max(1.0)
    }

    /// Share of what `pattern` holds that `other` holds too, of the wider one.
    pub(crate) fn overlap(&self, pattern: &Pattern, other: &Pattern) -> f64 {
        let (mut both, mut either) = (0.0, 0.0);
        for leaf in &self.leaves {
            let (a, b) = (leaf.matches(pattern), leaf.matches(other));
            both += if a && b { leaf.total } else { 0.0 };
            either += if a || b { leaf.total } else { 0.0 };
        }
        if either > 0.0 { both / either } else { 0.0 }
    }
}

/// Sums by pattern over the leaves of one set of attributes.
pub(crate) fn group<T: Copy + Default>(
    leaves: &[(&Leaf, T)],
    attributes: &[usize],
    add: impl Fn(&mut T, T),
) -> Vec<(Pattern, T)> {
    let mut sums: HashMap<Vec<usize>, T> = HashMap::new();
    for (leaf, figures) in leaves {
        let key = attributes.iter().filter_map(|a| leaf.values.get(*a));
        add(sums.entry(key.copied().collect()).or_default(), *figures);
    }
    let mut groups: Vec<(Pattern, T)> = sums
        .into_iter()
        .map(|(key, sum)| (attributes.iter().copied().zip(key).collect(), sum))
        .collect();
    groups.sort_by(|a, b| a.0.cmp(&b.0));
    groups
}

/// All sets of `size` attributes.
pub(crate) fn cuboids(attributes: usize, size: usize) -> Vec<Vec<usize>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let smaller = cuboids(attributes, size - 1).into_iter();
    smaller
        .flat_map(|cuboid| {
            let from = cuboid.last().map_or(0, |last| last + 1);
            (from..attributes).map(move |next| {
                let mut wider = cuboid.clone();
                wider.push(next);
                wider
            })
        })
        .collect()
}
