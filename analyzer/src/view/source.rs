//! How well each log is understood, by the build of Windows that wrote it.

use serde::Serialize;

/// Lines and codes, and what of them no rule understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct LineCount {
    /// Lines read.
    pub lines: u64,
    /// Of these, lines that no rule made anything of; most of what Windows
    /// writes says nothing of updates.
    pub unknown_lines: u64,
    /// Failing result codes that records end with.
    pub codes: u64,
    /// Of these, codes that no rule knew.
    pub unknown_codes: u64,
    /// Bytes that were gone before they were read.
    pub lost_bytes: u64,
    /// Files that lost some, or that vanished with an unknown rest.
    pub lost_files: u64,
    /// Lines cut because they had no end.
    pub cut_lines: u64,
}

impl LineCount {
    /// Share of lines that a rule made something of.
    pub(crate) fn understood(&self) -> f64 {
        1.0 - share(self.unknown_lines, self.lines)
    }

    /// Share of codes that no rule knew.
    pub(crate) fn unknown_codes(&self) -> f64 {
        share(self.unknown_codes, self.codes)
    }

    pub(crate) fn add(&mut self, more: &Self) {
        self.lines += more.lines;
        self.unknown_lines += more.unknown_lines;
        self.codes += more.codes;
        self.unknown_codes += more.unknown_codes;
        self.lost_bytes += more.lost_bytes;
        self.lost_files += more.lost_files;
        self.cut_lines += more.cut_lines;
    }
}

#[expect(clippy::cast_precision_loss, reason = "shares are shown to a tenth")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// One log on one build of Windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct BuildLines {
    /// `17763.3887`; empty where devices do not know it.
    pub os_build: String,
    /// Devices that told of such lines.
    pub devices: u64,
    /// What they read.
    #[serde(flatten)]
    pub count: LineCount,
    /// When one of them was last heard.
    pub last_heard_ms: i64,
    /// Far less of it is understood than elsewhere: this build writes something
    /// that the grammars do not know.
    pub strange: bool,
}

/// One log of the whole fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct SourceHealth {
    /// Word of the source kind, `cbs`.
    pub source: String,
    /// All builds together.
    pub fleet: LineCount,
    /// By build, strange ones first, then those with most lines.
    pub builds: Vec<BuildLines>,
}

impl SourceHealth {
    /// All builds but one.
    pub(crate) fn elsewhere(&self, os_build: &str) -> LineCount {
        let mut sum = LineCount::default();
        for build in self.builds.iter().filter(|one| one.os_build != os_build) {
            sum.add(&build.count);
        }
        sum
    }
}
