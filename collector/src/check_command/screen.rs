//! The screen that a technician reads.

/// Width of the column of names.
const NAME_WIDTH: usize = 15;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Screen {
    lines: Vec<(String, String)>,
    faults: Vec<(String, String)>,
}

impl Screen {
    /// Something that is so. A line without a name belongs to the one before.
    pub(super) fn line(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.lines.push((name.into(), text.into()));
    }

    /// Something that is wrong, and what to do.
    pub(super) fn fault(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.faults.push((what.into(), remedy.into()));
    }

    pub(super) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    pub(super) fn render(&self) -> String {
        let mut lines = vec![
            format!("kbwatch-collector {}", env!("CARGO_PKG_VERSION")),
            String::new(),
        ];
        for (name, line) in &self.lines {
            lines.push(format!("{name:NAME_WIDTH$} {line}"));
        }
        lines.push(String::new());
        if self.faults.is_empty() {
            lines.push("Nothing is wrong.".to_owned());
        }
        for (at, (what, remedy)) in self.faults.iter().enumerate() {
            lines.push(format!("{}. WRONG: {what}", at + 1));
            lines.push(format!("   DO:    {remedy}"));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

/// A length for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{}.{} KB", bytes / 1_000, bytes % 1_000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

/// How long ago something was, for people.
pub(super) fn ago(then_ms: i64, now_ms: i64) -> String {
    let s = now_ms.saturating_sub(then_ms) / 1_000;
    match s {
        i64::MIN..0 => "in the future".to_owned(),
        0..120 => format!("{s} s ago"),
        120..7_200 => format!("{} min ago", s / 60),
        7_200..172_800 => format!("{} h ago", s / 3_600),
        _ => format!("{} days ago", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes_are_told_in_words_of_everyday() {
        assert_eq!(ago(0, 119_000), "119 s ago");
        assert_eq!(ago(0, 300_000), "5 min ago");
        assert_eq!(ago(0, 86_400_000 * 3), "3 days ago");
        assert_eq!(ago(1_000, 0), "in the future");
        assert_eq!(size(12_345_678), "12.3 MB");
        assert_eq!(size(999), "999 bytes");
    }

    #[test]
    fn a_screen_without_faults_says_that_nothing_is_wrong() {
        let mut screen = Screen::default();
        screen.line("device", "pc-1");
        assert!(screen.render().ends_with("\n\nNothing is wrong.\n"));
        screen.fault("it burns", "fetch water");
        assert!(screen.has_faults());
        assert!(
            screen
                .render()
                .contains("1. WRONG: it burns\n   DO:    fetch water\n")
        );
    }
}
