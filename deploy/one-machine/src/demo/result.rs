//! What the demonstration was held against, and how it ended.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

/// One thing that must be so.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Check {
    /// Short, stable name.
    pub(crate) name: String,
    /// What must be found.
    pub(crate) expected: Value,
    /// What was found.
    pub(crate) found: Value,
    /// Whether that is the same.
    pub(crate) holds: bool,
}

impl Check {
    /// Holds if both are equal.
    pub(crate) fn equal(
        name: impl Into<String>,
        expected: impl Serialize,
        found: impl Serialize,
    ) -> Self {
        let (expected, found) = (json!(expected), json!(found));
        Self {
            name: name.into(),
            holds: expected == found,
            expected,
            found,
        }
    }

    /// Holds if the condition does; the values are for the reader.
    pub(crate) fn that(
        name: impl Into<String>,
        holds: bool,
        expected: impl Serialize,
        found: impl Serialize,
    ) -> Self {
        Self {
            name: name.into(),
            expected: json!(expected),
            found: json!(found),
            holds,
        }
    }

    /// Holds if both lists have the same members; tells what is missing and
    /// what is too much rather than everything.
    pub(crate) fn same_members(
        name: impl Into<String>,
        expected: impl IntoIterator<Item = String>,
        found: impl IntoIterator<Item = String>,
    ) -> Self {
        let expected: std::collections::BTreeSet<String> = expected.into_iter().collect();
        let found_list: Vec<String> = found.into_iter().collect();
        let count = found_list.len();
        let found: std::collections::BTreeSet<String> = found_list.into_iter().collect();
        let some = |set: Vec<&String>| set.into_iter().take(5).cloned().collect::<Vec<_>>();
        let missing: Vec<_> = expected.difference(&found).collect();
        let surplus: Vec<_> = found.difference(&expected).collect();
        Self {
            name: name.into(),
            holds: missing.is_empty() && surplus.is_empty() && count == found.len(),
            expected: json!({ "count": expected.len() }),
            found: json!({
                "count": count,
                "distinct": found.len(),
                "missing": missing.len(),
                "missing_such_as": some(missing),
                "surplus": surplus.len(),
                "surplus_such_as": some(surplus),
            }),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.replace('_', " ");
        if self.holds {
            return write!(f, "  ok    {name}");
        }
        write!(
            f,
            "  FAIL  {name}\n        expected {}\n        found    {}",
            self.expected, self.found
        )
    }
}

/// The whole outcome.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// Whether every check holds.
    pub(crate) ok: bool,
    /// Names of those that do not.
    pub(crate) failed: Vec<String>,
    /// Seed of the fleet.
    pub(crate) seed: u64,
    /// Devices of the fleet.
    pub(crate) devices: u32,
    /// `memory` or `kafka`.
    pub(crate) journal: &'static str,
    /// Seconds from start to here.
    pub(crate) took_s: u64,
    /// Every check.
    pub(crate) checks: Vec<Check>,
}

impl Outcome {
    pub(crate) fn of(checks: Vec<Check>, args: &crate::cli::Demo, took: Duration) -> Self {
        let failed: Vec<_> = checks
            .iter()
            .filter(|check| !check.holds)
            .map(|check| check.name.clone())
            .collect();
        Self {
            ok: failed.is_empty(),
            failed,
            seed: args.seed,
            devices: args.devices,
            journal: if args.kafka.is_some() {
                "kafka"
            } else {
                "memory"
            },
            took_s: took.as_secs(),
            checks,
        }
    }

    /// Writes `target/demo/result.json` and returns the last line to print.
    pub(crate) fn publish(&self, folder: &Path) -> std::io::Result<String> {
        let line = serde_json::to_string(self)?;
        std::fs::create_dir_all(folder)?;
        std::fs::write(
            folder.join("result.json"),
            serde_json::to_string_pretty(self)? + "\n",
        )?;
        Ok(format!("RESULT {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_counted_twice_is_noticed() {
        let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert!(Check::same_members("x", names(&["a", "b"]), names(&["b", "a"])).holds);
        assert!(!Check::same_members("x", names(&["a", "b"]), names(&["b", "a", "a"])).holds);
        assert!(!Check::same_members("x", names(&["a", "b"]), names(&["a"])).holds);
    }
}
