//! Findings as sentences, in English or Chinese: one structure for terminal
//! and page.

use super::advice::advise;
use super::findings::Findings;
use super::sentences::{
    damage_line, failure_line, headline, listed, other_lines, repair_line, say,
};
use crate::cli::Lang;

/// What a person reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The answer in one sentence.
    pub headline: String,
    /// What supports it, and what to do.
    pub sections: Vec<Section>,
}

/// A heading and what stands under it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    /// Heading.
    pub title: String,
    /// Lines, in order.
    pub lines: Vec<Line>,
}

impl Section {
    /// Whether its lines are steps to carry out, in order.
    pub(crate) fn has_commands(&self) -> bool {
        self.lines
            .iter()
            .any(|line| matches!(line, Line::Command(_)))
    }
}

/// One line of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A sentence.
    Text(String),
    /// Something to paste into an administrator's command prompt.
    Command(String),
}

/// Makes text from a log harmless for a terminal: a log may hold escape
/// sequences and marks that turn the writing direction.
pub fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| {
            let steers = c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if steers { '\u{fffd}' } else { c }
        })
        .collect()
}

impl Report {
    /// Says what was found.
    pub fn of(findings: &Findings, lang: Lang) -> Self {
        let mut sections = Vec::new();
        let mut add = |title: String, lines: Vec<Line>| {
            if !lines.is_empty() {
                sections.push(Section { title, lines });
            }
        };
        add(
            say(lang, "What failed", "失败情况"),
            listed(lang, &findings.failures, |failure| {
                failure_line(failure, lang)
            }),
        );
        add(
            say(lang, "What is broken", "损坏的组件文件"),
            listed(lang, &findings.damage, |damage| damage_line(damage, lang)),
        );
        add(
            say(
                lang,
                "What checks and repairs of the component store said",
                "组件存储检查与修复的结果",
            ),
            listed(lang, &findings.repairs, |run| repair_line(run, lang)),
        );
        add(
            say(lang, "What to do, in this order", "处理步骤（按顺序）"),
            advise(findings, lang),
        );
        add(
            say(lang, "What else the logs say", "日志中的其他信息"),
            other_lines(findings, lang),
        );
        Self {
            headline: headline(findings, lang),
            sections,
        }
    }

    /// As text for a terminal.
    pub fn to_text(&self) -> String {
        let mut text = harmless(&self.headline);
        text.push('\n');
        for section in &self.sections {
            text.push('\n');
            text.push_str(&section.title);
            text.push('\n');
            let mut step = 0;
            for line in &section.lines {
                let (mark, words) = match line {
                    Line::Text(sentence) if section.has_commands() => {
                        step += 1;
                        (format!("  {step}. "), sentence)
                    }
                    Line::Text(sentence) => ("  - ".to_owned(), sentence),
                    Line::Command(command) => ("       ".to_owned(), command),
                };
                text.push_str(&mark);
                text.push_str(&harmless(words));
                text.push('\n');
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_of_a_log_do_not_reach_the_terminal() {
        let report = Report {
            headline: "\u{1b}]0;owned\u{7} KB5022286".to_owned(),
            sections: vec![Section {
                title: "What failed".to_owned(),
                lines: vec![Line::Command("dism\u{202e}".to_owned())],
            }],
        };
        let text = report.to_text();
        assert!(!text.contains('\u{1b}') && !text.contains('\u{7}') && !text.contains('\u{202e}'));
    }

    #[test]
    fn files_without_events_are_called_empty_not_healthy() {
        let report = Report::of(&Findings::default(), Lang::En);
        assert_eq!(report.headline, "The files hold no update events.");
    }
}
