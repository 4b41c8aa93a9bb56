//! Results of `SetupDiag`, as XML or text: why a feature update failed.
//!
//! No real sample was at hand: read as documented, marked unverified.

use kbwatch_proto::words::{EventResult, Phase};

use super::report::{Anchor, Report, put, text};
use super::scan;
use super::split::Line;

/// Longest result that is read.
const MAX_LEN: usize = 64 * 1024;

/// State of reading one result: it is small, and read as a whole.
#[derive(Default)]
pub(crate) struct SetupDiagGrammar {
    content: Vec<u8>,
    told_len: usize,
    /// Whether its code was counted.
    noted: bool,
}

/// Whether a file starts like a result.
pub(crate) fn is_results(start: &[u8]) -> bool {
    let start = &start[..start.len().min(4096)];
    scan::contains(start, b"<SetupDiag")
        || scan::contains(start, b"SetupDiag v")
        || scan::contains(start, b"Matching Profile found:")
        || scan::contains(start, b"SetupDiag reports ")
        || scan::contains(start, b"\"ProfileName\"") && scan::contains(start, b"\"ProfileGuid\"")
}

impl SetupDiagGrammar {
    pub(crate) fn line(&mut self, line: &Line<'_>, report: &mut Report<'_>) {
        report.counts.records += 1;
        if self.content.len() + line.text.len() < MAX_LEN {
            self.content.extend_from_slice(line.text);
            self.content.push(b'\n');
        }
    }

    pub(crate) fn settle(&mut self, report: &mut Report<'_>) {
        if self.told_len == self.content.len() {
            return;
        }
        self.told_len = self.content.len();
        let Some(profile) = self.profile() else {
            return;
        };
        let anchor = Anchor {
            head: profile,
            // The same rule may match again months later.
            row: self.run(),
            number: 1,
            printed_at_ms: None,
        };
        let succeeded = profile.starts_with(b"FindSuccessfulUpgrade");
        let result = if succeeded {
            EventResult::Success
        } else {
            EventResult::Fail
        };
        let mut event = report.begin(&anchor, Phase::Install, result);
        event.source = "SetupDiag".into();
        event.evidence = text(profile);
        let details = [
            self.value(b"FailureDetails"),
            self.value(b"FailureData"),
            &self.content,
        ];
        let code = details.iter().find_map(|said| first_code(said));
        event.hresult = code.filter(|_| !succeeded);
        put(&mut event, "profile", text(profile));
        put(&mut event, "update_class", "feature update");
        put(&mut event, "unverified", "true");
        report.tell_again(event, &mut self.noted);
    }

    /// The rule that matched.
    fn profile(&self) -> Option<&[u8]> {
        let named = self.value(b"ProfileName");
        if !named.is_empty() {
            return Some(named);
        }
        let found = scan::after(&self.content, b"Matching Profile found:")
            .map(|rest| scan::before(scan::before(rest, b"\n"), b" - "))
            // A paste has only what the rule says.
            .or_else(|| scan::after(&self.content, b"SetupDiag reports ").map(first_sentence));
        found
            .map(<[u8]>::trim_ascii)
            .filter(|name| !name.is_empty())
    }

    /// What names the run of setup that the result is about; empty where
    /// nothing does.
    fn run(&self) -> &[u8] {
        let names = [&b"ReportId"[..], b"UpgradeStartTime", b"UpgradeEndTime"];
        let printed = |name: &&[u8]| {
            let rest = scan::after(&self.content, name)?;
            let value = scan::before(scan::before(rest, b"\n"), b"<");
            let is_mark = |byte: &u8| !byte.is_ascii_alphanumeric() && *byte != b'{';
            let begin = value.iter().position(|byte| !is_mark(byte))?;
            Some(value[begin..].trim_ascii_end())
        };
        names.iter().find_map(printed).unwrap_or_default()
    }

    /// Text of an element, without elements inside it.
    fn value(&self, name: &[u8]) -> &[u8] {
        let mut open = b"<".to_vec();
        open.extend_from_slice(name);
        open.push(b'>');
        if let Some(rest) = scan::after(&self.content, &open) {
            return scan::before(rest, b"<").trim_ascii();
        }
        self.member(name)
    }

    /// Text of a member in a result as JSON; of a list the first.
    fn member(&self, name: &[u8]) -> &[u8] {
        let quoted = [b"\"", name, b"\""].concat();
        let rest = scan::after(&self.content, &quoted).unwrap_or_default();
        let rest = rest
            .trim_ascii_start()
            .strip_prefix(b":")
            .unwrap_or_default();
        let rest = rest.trim_ascii_start();
        let rest = rest.strip_prefix(b"[").unwrap_or(rest).trim_ascii_start();
        let value = rest.strip_prefix(b"\"").unwrap_or_default();
        scan::before(value, b"\"").trim_ascii()
    }

    pub(crate) fn open_since(&self) -> Option<(u64, u64)> {
        (!self.content.is_empty()).then_some((0, 1))
    }
}

/// What stands before the first full stop, comma or end of the line.
fn first_sentence(text: &[u8]) -> &[u8] {
    scan::lead(text, |byte| !matches!(byte, b'.' | b',' | b'\n'))
}

/// First failing code with `0x`.
fn first_code(said: &[u8]) -> Option<u32> {
    let mut rest = said;
    while let Some(found) = scan::after(rest, b"0x") {
        let digits = scan::lead(found, |byte| byte.is_ascii_hexdigit());
        if digits.len() == 8
            && let Some(code) = scan::hex_code(digits)
            && code & 0x8000_0000 != 0
        {
            return Some(code);
        }
        rest = found;
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::parse::{FileKind, Origin, TextParser};

    #[test]
    fn a_result_is_read_in_every_form() {
        let code = |text: &str| {
            let origin = Origin {
                device_id: "pc-1".to_owned(),
                log: "SetupDiagResults".to_owned(),
            };
            let kind = FileKind::detect(text.as_bytes(), "results");
            assert_eq!(kind, Some(FileKind::SetupDiag), "{text}");
            let (mut parser, mut events) = (TextParser::new(FileKind::SetupDiag, origin), vec![]);
            parser.feed(text.as_bytes(), &mut events);
            parser.finish(&mut events);
            events.first().and_then(|event| event.hresult)
        };
        for text in [
            "<SetupDiag>\n<ProfileName>FindRollbackFailure</ProfileName>\n<FailureData>\
             0x800736cc-0x20003</FailureData>\n</SetupDiag>\n",
            "{\"ProfileName\": \"FindRollbackFailure\", \"ProfileGuid\": \"1\", \"FailureData\": \
             [\"Error = 0x800736CC-0x20003\"]}\n",
            "Matching Profile found: FindRollbackFailure - 3A43C9B5\nError: 0x800736CC-0x20003\n",
            "Error: SetupDiag reports rollback failure found.\nError: 0x800736CC - 0x20003\n",
        ] {
            assert_eq!(code(text), Some(0x8007_36cc), "{text}");
        }
    }

    #[test]
    fn the_same_rule_in_another_upgrade_is_another_event() {
        let id = |report: &str| {
            let origin = Origin {
                device_id: "pc-1".to_owned(),
                log: "SetupDiagResults.xml".to_owned(),
            };
            let text = format!(
                "<SetupDiag>\n<ProfileName>DiskSpaceFailure</ProfileName>\n\
                 <ReportId>{report}</ReportId>\n</SetupDiag>\n"
            );
            let (mut parser, mut events) = (TextParser::new(FileKind::SetupDiag, origin), vec![]);
            parser.feed(text.as_bytes(), &mut events);
            parser.finish(&mut events);
            events[0].event_id
        };
        assert_eq!(id("A-1"), id("A-1"));
        assert_ne!(id("A-1"), id("A-2"));
    }
}
