//! What is known of KBs: which build each brings, and what kind of update it is.
//!
//! The shipped table holds the cumulative updates of Windows 10 1809 as
//! Microsoft's release history lists them; pairs that the fleet's own logs
//! print (an `Identifier` beside a `RollupFix` version) are learned on top.

use std::collections::HashMap;
use std::fmt;

/// Build and revision of Windows, for example 17763.3887.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Build {
    /// Build family: 17763.
    pub family: u32,
    /// Update build revision (UBR): 3887.
    pub revision: u32,
}

impl Build {
    /// Reads `17763.3887`, ignoring anything after a third part's dot.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let family = parts.next()?.parse().ok()?;
        let revision = parts.next()?.parse().ok()?;
        Some(Self { family, revision })
    }

    /// Whether a device on this level has everything that `other` brings.
    pub fn covers(self, other: Self) -> bool {
        self.same_family(other) && self.revision >= other.revision
    }

    /// Whether both take the same cumulative updates. Enabling packages only
    /// raise the number: 19042 to 19045 run the payload of 19041.
    pub fn same_family(self, other: Self) -> bool {
        payload_family(self.family) == payload_family(other.family)
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.family, self.revision)
    }
}

fn payload_family(family: u32) -> u32 {
    match family {
        19042..=19045 => 19041,
        18363 => 18362,
        22631 => 22621,
        other => other,
    }
}

/// Kinds of update with comparable habits: the usual rate is learned per kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UpdateKind {
    /// Cumulative update of Windows: moves the UBR.
    Cumulative,
    /// Servicing stack.
    ServicingStack,
    /// .NET rollup.
    DotNet,
    /// Anything else.
    Other,
}

impl UpdateKind {
    /// The word as it stands in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cumulative => "cumulative",
            Self::ServicingStack => "servicing_stack",
            Self::DotNet => "dot_net",
            Self::Other => "other",
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KbBuild {
    /// Build it brings.
    pub build: Build,
    /// `KB5022286`.
    pub kb: String,
    /// Release day, `2023-01-10`; empty where learned.
    pub released: String,
    /// No longer offered by Microsoft.
    pub expired: bool,
    /// The regular update of its month: neither a preview nor out of band.
    pub regular: bool,
}

/// KB ↔ build, in both directions.
#[derive(Debug, Clone, Default)]
pub struct KbTable {
    rows: Vec<KbBuild>,
    by_build: HashMap<Build, usize>,
    by_kb: HashMap<String, Vec<usize>>,
}

impl KbTable {
    /// The table that ships with this version.
    pub fn shipped() -> Self {
        let mut table = Self::default();
        let rows = include_str!("kb_builds.tsv").lines().skip(1);
        for row in rows.filter_map(parse_row) {
            table.add(row);
        }
        table
    }

    /// Adds a pair; a pair that is there already keeps its first row.
    pub fn add(&mut self, row: KbBuild) {
        let known = self.by_kb.get(&row.kb).is_some_and(|at| {
            at.iter()
                .any(|i| self.rows.get(*i).is_some_and(|r| r.build == row.build))
        });
        if known {
            return;
        }
        let at = self.rows.len();
        self.by_build.entry(row.build).or_insert(at);
        self.by_kb.entry(row.kb.clone()).or_default().push(at);
        self.rows.push(row);
    }

    /// Learns a pair that a log printed side by side; says whether it is new.
    ///
    /// Shipped rows go first, learned ones follow in an order of their own:
    /// which was learned first changes no answer.
    pub fn learn(&mut self, kb: &str, build: Build) -> bool {
        let before = self.rows.len();
        self.add(KbBuild {
            build,
            kb: kb.to_owned(),
            released: String::new(),
            expired: false,
            regular: false,
        });
        if self.rows.len() == before {
            return false;
        }
        let rows = &self.rows;
        let learned = |at: usize| rows.get(at).filter(|row| row.released.is_empty());
        if let Some(of_kb) = self.by_kb.get_mut(kb) {
            of_kb.sort_by_key(|at| learned(*at).map(|row| row.build));
        }
        if let Some(at) = self.by_build.get_mut(&build)
            && learned(*at).is_some_and(|row| kb < row.kb.as_str())
        {
            *at = before;
        }
        true
    }

    /// The KB that brings exactly this build.
    pub fn kb_of(&self, build: Build) -> Option<&str> {
        let row = self.rows.get(*self.by_build.get(&build)?)?;
        Some(&row.kb)
    }

    /// The build that `kb` brings to devices of `family`; without a family,
    /// the only or first one.
    pub fn build_of(&self, kb: &str, family: Option<u32>) -> Option<Build> {
        let rows = self.by_kb.get(kb)?.iter().filter_map(|i| self.rows.get(*i));
        let mut builds = rows.map(|row| row.build);
        match family {
            Some(family) => {
                let family = payload_family(family);
                builds.find(|build| payload_family(build.family) == family)
            }
            None => builds.next(),
        }
    }

    /// Whether Microsoft still offers `kb`.
    pub fn is_expired(&self, kb: &str) -> bool {
        let rows = self.by_kb.get(kb).into_iter().flatten();
        rows.filter_map(|i| self.rows.get(*i))
            .any(|row| row.expired)
    }

    /// The newest cumulative update of `family` that can still be had.
    pub fn newest_offered(&self, family: u32) -> Option<&KbBuild> {
        let rows = self.rows.iter().filter(|row| !row.expired);
        rows.filter(|row| row.build.family == family)
            .max_by_key(|row| row.build)
    }

    /// The regular cumulative updates of a month, `2023-01`: the last one of
    /// each family.
    pub fn of_month(&self, month: &str) -> impl Iterator<Item = &KbBuild> {
        let of_month =
            |row: &&KbBuild| row.regular && month.len() == 7 && row.released.starts_with(month);
        let mut newest: HashMap<u32, &KbBuild> = HashMap::new();
        for row in self.rows.iter().filter(of_month) {
            let kept = newest.entry(row.build.family).or_insert(row);
            if kept.build < row.build {
                *kept = row;
            }
        }
        newest.into_values()
    }

    /// Which KB a package identity belongs to, where its name or build says so.
    pub fn kb_of_package(&self, package: &str) -> Option<String> {
        if let Some(build) = rollup_build(package) {
            return self.kb_of(build).map(str::to_owned);
        }
        kb_in_name(package.split('~').next().unwrap_or_default())
    }

    /// Kind of an update, by its package if one was printed, else by the table.
    pub fn kind_of(&self, kb: &str, package: &str) -> UpdateKind {
        if package.contains("RollupFix") || self.by_kb.contains_key(kb) {
            UpdateKind::Cumulative
        } else if package.contains("ServicingStack") {
            UpdateKind::ServicingStack
        } else if package.contains("DotNet") {
            UpdateKind::DotNet
        } else {
            UpdateKind::Other
        }
    }
}

fn parse_row(line: &str) -> Option<KbBuild> {
    let mut columns = line.split('\t');
    let build = Build::parse(columns.next()?)?;
    let released = columns.next()?.to_owned();
    let kb = columns.next()?.to_owned();
    let flags = columns.next().unwrap_or_default();
    Some(KbBuild {
        build,
        kb,
        released,
        expired: flags.contains("expired"),
        regular: !flags.contains("preview") && !flags.contains("out_of_band"),
    })
}

/// Build in the version of `Package_for_RollupFix~…~~17763.3887.1.6`.
pub fn rollup_build(package: &str) -> Option<Build> {
    if !package.contains("Package_for_RollupFix") {
        return None;
    }
    Build::parse(package.rsplit('~').next()?)
}

/// `KB5020683` in `Package_for_KB5020683`, `windows10.0-kb5022286-x64` and the
/// like; the placeholders of capabilities are none.
pub fn kb_in_name(name: &str) -> Option<String> {
    let upper = name.to_ascii_uppercase();
    let digits: String = upper
        .split("KB")
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(char::is_ascii_digit)
                .collect::<String>()
        })
        .find(|digits| (6..=8).contains(&digits.len()))?;
    let placeholder = digits == "777778" || digits == "777777";
    (!placeholder).then(|| format!("KB{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollup_package_names_its_kb_through_its_build() {
        let table = KbTable::shipped();
        let package = "Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.3887.1.6";
        assert_eq!(table.kb_of_package(package).as_deref(), Some("KB5022286"));
        let unknown = "Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.2.1.6";
        assert_eq!(table.kb_of_package(unknown), None);
    }

    #[test]
    fn a_package_named_after_its_kb_needs_no_table() {
        let table = KbTable::default();
        let package = "Package_for_KB5020683~31bf3856ad364e35~amd64~~19041.2304.1.3";
        assert_eq!(table.kb_of_package(package).as_deref(), Some("KB5020683"));
        assert_eq!(
            kb_in_name("Package_7762_for_KB5001347").as_deref(),
            Some("KB5001347")
        );
        assert_eq!(
            kb_in_name("windows10.0-kb5022286-x64_a.msu").as_deref(),
            Some("KB5022286")
        );
        assert_eq!(kb_in_name("KB777778"), None);
        assert_eq!(kb_in_name("Package_for_DotNetRollup"), None);
    }

    #[test]
    fn every_row_of_the_shipped_table_is_read() {
        let lines = include_str!("kb_builds.tsv").lines().count() - 1;
        assert_eq!(KbTable::shipped().rows.len(), lines);
    }

    #[test]
    fn an_expired_update_is_never_the_newest_offered() {
        let table = KbTable::shipped();
        assert!(table.is_expired("KB5022286"));
        let newest = table.newest_offered(17763).unwrap();
        assert!(!newest.expired);
        assert!(newest.build.revision >= 8880);
    }

    #[test]
    fn a_month_names_its_regular_update() {
        let table = KbTable::shipped();
        let kbs: Vec<&str> = table
            .of_month("2023-01")
            .map(|row| row.kb.as_str())
            .collect();
        assert_eq!(kbs, ["KB5022286"]);
        assert_eq!(table.of_month("spring").count(), 0);
    }

    #[test]
    fn a_later_level_covers_an_earlier_one_of_its_family_only() {
        let older = Build::parse("17763.3887").unwrap();
        let newer = Build::parse("17763.4010.1.2").unwrap();
        assert!(newer.covers(older) && !older.covers(newer));
        assert!(!Build::parse("19041.9999").unwrap().covers(older));
    }

    #[test]
    fn the_order_of_learning_changes_no_answer() {
        let build = |revision| Build {
            family: 20348,
            revision,
        };
        let pairs = [
            ("KB5022291", build(1487)),
            ("KB5022291", build(1480)),
            ("KB5000001", build(1487)),
        ];
        let answers = |order: [usize; 3]| {
            let mut table = KbTable::shipped();
            for at in order {
                table.learn(pairs[at].0, pairs[at].1);
            }
            (
                table.build_of("KB5022291", Some(20348)),
                table.kb_of(build(1487)).map(str::to_owned),
            )
        };
        let first = answers([0, 1, 2]);
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(answers(order), first, "{order:?}");
        }
    }

    #[test]
    fn a_learned_pair_answers_like_a_shipped_one() {
        let mut table = KbTable::default();
        let build = Build {
            family: 20348,
            revision: 1487,
        };
        assert!(table.learn("KB5022291", build));
        assert!(!table.learn("KB5022291", build));
        assert_eq!(table.build_of("KB5022291", Some(20348)), Some(build));
        assert_eq!(table.rows.len(), 1);
    }
}
