//! What a new target list changes against the one before.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::keep::TargetRow;

/// Lines of a difference that are shown.
const SHOWN: usize = 20;

/// What a new list changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Difference {
    /// Devices that come in.
    pub added: usize,
    /// Devices that go.
    pub removed: usize,
    /// Devices of which ring or exclusion changes.
    pub changed: usize,
    /// Some of them: `+ pc-1 ring0`, `- pc-2 ring0`, `~ pc-3 ring0 -> ring1`.
    pub some: Vec<String>,
}

/// What a list changes against the one before.
pub(in crate::releases) fn difference(before: &[TargetRow], after: &[TargetRow]) -> Difference {
    let by_id = |rows: &[TargetRow]| -> BTreeMap<String, (String, bool)> {
        let line = |row: &TargetRow| {
            let stands = (row.ring.clone(), !row.excluded.is_empty());
            (row.device_id.clone(), stands)
        };
        rows.iter().map(line).collect()
    };
    let (before, after) = (by_id(before), by_id(after));
    let mut difference = Difference::default();
    let mut say = |line: String| {
        if difference.some.len() < SHOWN {
            difference.some.push(line);
        }
    };
    let told = |(ring, excluded): &(String, bool)| {
        format!("{ring}{}", if *excluded { " (excluded)" } else { "" })
    };
    let (mut added, mut removed, mut changed) = (0, 0, 0);
    for (id, now) in &after {
        match before.get(id) {
            None => {
                added += 1;
                say(format!("+ {id} {}", told(now)));
            }
            Some(then) if then != now => {
                changed += 1;
                say(format!("~ {id} {} -> {}", told(then), told(now)));
            }
            Some(_) => {}
        }
    }
    for (id, then) in before.iter().filter(|(id, _)| !after.contains_key(*id)) {
        removed += 1;
        say(format!("- {id} {}", told(then)));
    }
    Difference {
        added,
        removed,
        changed,
        ..difference
    }
}
