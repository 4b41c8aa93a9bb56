//! Which builds of Windows write what the grammars do not understand.
//!
//! Nearly all of a log says nothing of updates, so that not the share of
//! unknown lines tells, but how it differs from the share on other builds.

use crate::view::{BuildLines, LineCount, SourceHealth};

/// Lines, and codes, below which nothing is said about a build.
const MIN_LINES: u64 = 500;
const MIN_CODES: u64 = 50;

/// A build is strange if the share of understood lines is below this part of
/// the share elsewhere,
const STRANGE_PART: f64 = 0.5;

/// or if there is nothing to compare with and less than this is understood,
const NOTHING: f64 = 0.005;

/// or if this many more of its codes are unknown than elsewhere.
const STRANGE_CODES: f64 = 0.2;

/// One source on one build, as stored.
pub(crate) type Counted = (String, BuildLines);

/// Sorts what was counted by source and marks the builds that stand out.
pub(crate) fn by_source(counted: Vec<Counted>) -> Vec<SourceHealth> {
    let mut sources: Vec<SourceHealth> = Vec::new();
    for (name, build) in counted {
        match sources.iter_mut().find(|source| source.source == name) {
            Some(source) => source.builds.push(build),
            None => sources.push(SourceHealth {
                source: name,
                fleet: LineCount::default(),
                builds: vec![build],
            }),
        }
    }
    for source in &mut sources {
        let mut fleet = LineCount::default();
        source.builds.iter().for_each(|one| fleet.add(&one.count));
        source.fleet = fleet;
        let strange: Vec<bool> = source
            .builds
            .iter()
            .map(|one| is_strange(&one.count, &source.elsewhere(&one.os_build)))
            .collect();
        for (build, strange) in source.builds.iter_mut().zip(strange) {
            build.strange = strange;
        }
        source
            .builds
            .sort_by_key(|one| (!one.strange, std::cmp::Reverse(one.count.lines)));
    }
    sources.sort_by(|a, b| a.source.cmp(&b.source));
    sources
}

fn is_strange(here: &LineCount, elsewhere: &LineCount) -> bool {
    let odd_lines = here.lines >= MIN_LINES
        && if elsewhere.lines >= MIN_LINES {
            here.understood() < STRANGE_PART * elsewhere.understood()
        } else {
            here.understood() < NOTHING
        };
    let odd_codes = here.codes >= MIN_CODES
        && elsewhere.codes >= MIN_CODES
        && here.unknown_codes() > elsewhere.unknown_codes() + STRANGE_CODES;
    odd_lines || odd_codes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(os_build: &str, lines: u64, unknown_lines: u64) -> Counted {
        let count = LineCount {
            lines,
            unknown_lines,
            ..LineCount::default()
        };
        let build = BuildLines {
            os_build: os_build.to_owned(),
            devices: 3,
            count,
            ..BuildLines::default()
        };
        ("cbs".to_owned(), build)
    }

    fn strange(counted: Vec<Counted>) -> Vec<String> {
        let sources = by_source(counted);
        let builds = sources.iter().flat_map(|source| &source.builds);
        let strange = builds.filter(|build| build.strange);
        strange.map(|build| build.os_build.clone()).collect()
    }

    #[test]
    fn a_build_of_which_far_less_is_understood_than_elsewhere_is_strange() {
        let fleet = || vec![build("17763.3770", 100_000, 85_000)];
        let with = |one: Counted| strange([fleet(), vec![one]].concat());
        assert_eq!(with(build("17763.3887", 9_000, 8_900)), ["17763.3887"]);
        assert!(with(build("17763.3887", 9_000, 8_000)).is_empty());
        assert!(with(build("17763.3887", 499, 499)).is_empty(), "too few");
    }

    #[test]
    fn without_another_build_only_a_log_that_nobody_understands_is_strange() {
        assert!(strange(vec![build("17763.1", 10_000, 9_500)]).is_empty());
        assert_eq!(strange(vec![build("", 10_000, 10_000)]), [""]);
    }

    #[test]
    fn codes_that_nobody_knows_are_strange_too() {
        let with_codes = |os_build: &str, codes, unknown_codes| {
            let (source, mut build) = build(os_build, 1_000, 800);
            (build.count.codes, build.count.unknown_codes) = (codes, unknown_codes);
            (source, build)
        };
        let known = with_codes("1", 1_000, 100);
        let odd = with_codes("2", 60, 30);
        assert_eq!(strange(vec![known.clone(), odd]), ["2"]);
        assert!(strange(vec![known, with_codes("2", 60, 12)]).is_empty());
    }

    #[test]
    fn the_fleet_is_all_builds_together() {
        let sources = by_source(vec![build("1", 600, 500), build("2", 400, 300)]);
        assert_eq!(sources[0].fleet.lines, 1_000);
        assert_eq!(sources[0].elsewhere("1").unknown_lines, 300);
        assert_eq!(sources[0].builds[0].os_build, "1");
    }
}
