//! Findings as sentences, in English or Chinese: one structure for terminal
//! and page.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kbwatch_proto::words::Phase;

use super::advice::advise;
use super::findings::{DamagedFile, Failure, Findings, RepairRun};
use crate::cli::Lang;

/// Most items of one kind that are told; the rest is counted.
const MOST: usize = 12;

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

/// One line of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A sentence.
    Text(String),
    /// Something to paste into an administrator's command prompt.
    Command(String),
}

/// Picks one of two texts.
fn say(lang: Lang, en: impl Into<String>, zh: impl Into<String>) -> String {
    match lang {
        Lang::En => en.into(),
        Lang::Zh => zh.into(),
    }
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
            for line in &section.lines {
                match line {
                    Line::Text(sentence) => {
                        text.push_str("  - ");
                        text.push_str(&harmless(sentence));
                    }
                    Line::Command(command) => {
                        text.push_str("      ");
                        text.push_str(&harmless(command));
                    }
                }
                text.push('\n');
            }
        }
        text
    }
}

fn listed<T>(lang: Lang, items: &[T], line: impl Fn(&T) -> String) -> Vec<Line> {
    let mut lines: Vec<Line> = items
        .iter()
        .take(MOST)
        .map(|item| Line::Text(line(item)))
        .collect();
    if items.len() > MOST {
        let rest = items.len() - MOST;
        lines.push(Line::Text(say(
            lang,
            format!("and {rest} more of this kind"),
            format!("另有 {rest} 项同类记录"),
        )));
    }
    lines
}

fn headline(findings: &Findings, lang: Lang) -> String {
    let damaged = findings.open_damage().count();
    if let Some(worst) = findings.open_failures().next() {
        let broken = if damaged == 0 {
            String::new()
        } else {
            say(
                lang,
                format!(
                    " {damaged} component {} damaged and not repaired.",
                    if damaged == 1 { "file is" } else { "files are" }
                ),
                format!("有 {damaged} 个组件文件损坏且未修复。"),
            )
        };
        return say(
            lang,
            format!("{} failed{}.{broken}", named(worst, lang), code_of(worst)),
            format!("{} 失败{}。{broken}", named(worst, lang), code_of(worst)),
        );
    }
    if damaged > 0 {
        return say(
            lang,
            format!("No update failed, but {damaged} component files are damaged."),
            format!("没有更新失败，但有 {damaged} 个组件文件损坏。"),
        );
    }
    if !findings.failures.is_empty() {
        return say(
            lang,
            "Something failed before and went in later: nothing is left to do.",
            "曾有更新失败，之后已安装成功，无需处理。",
        );
    }
    if findings.span.is_none() && findings.installed.is_empty() {
        return say(
            lang,
            "The files hold no update events.",
            "文件中没有更新事件。",
        );
    }
    say(
        lang,
        "No failure and no damage in these files.",
        "这些文件中没有失败，也没有损坏。",
    )
}

fn named(failure: &Failure, lang: Lang) -> String {
    if !failure.subject.is_empty() {
        return failure.subject.clone();
    }
    let (en, zh) = match failure.phase {
        Phase::Scan => ("The search for updates", "更新扫描"),
        Phase::Download => ("A download", "下载"),
        Phase::Hydrate => ("The rebuilding of files from deltas", "差分文件还原"),
        Phase::Install => ("An installation", "安装"),
        Phase::FeatureInstall => ("The installation of a feature", "功能安装"),
        Phase::Uninstall => ("An uninstallation", "卸载"),
        Phase::RebootCommit => ("The work at the reboot", "重启阶段的处理"),
        Phase::CorruptionDetect => ("The check of the component store", "组件存储检查"),
        Phase::CorruptionRepair => ("The repair of the component store", "组件存储修复"),
        Phase::Sfc => ("The system file check", "系统文件检查"),
        Phase::Maintenance => ("Servicing's own upkeep", "服务堆栈维护"),
        Phase::Inventory | Phase::Service | Phase::AppxProvision => ("A step", "某一步骤"),
    };
    say(lang, en, zh)
}

fn code_of(failure: &Failure) -> String {
    failure.code.map_or_else(String::new, |code| {
        let symbol = code.symbol().unwrap_or_default();
        format!(" {code} {symbol}").trim_end().to_owned()
    })
}

fn failure_line(failure: &Failure, lang: Lang) -> String {
    let mut line = say(
        lang,
        format!("{}:{}", named(failure, lang), code_of(failure)),
        format!("{}：{}", named(failure, lang), code_of(failure)),
    );
    if let Some(inner) = failure.inner {
        let symbol = inner.symbol().unwrap_or_default();
        line.push_str(&say(
            lang,
            format!(", behind it {inner} {symbol}"),
            format!("，内部代码 {inner} {symbol}"),
        ));
    }
    line.push_str(&say(
        lang,
        format!("; phase {}", failure.phase),
        format!("；阶段 {}", failure.phase),
    ));
    if !failure.arose_in.is_empty() {
        line.push_str(&say(
            lang,
            format!(", arose in {}", failure.arose_in),
            format!("，出处 {}", failure.arose_in),
        ));
    }
    if !failure.package.is_empty() && failure.package != failure.subject {
        line.push_str(&say(
            lang,
            format!("; package {}", failure.package),
            format!("；程序包 {}", failure.package),
        ));
    }
    line.push_str(&when(failure, lang));
    if failure.healed {
        line.push_str(&say(
            lang,
            "; the same update went in later",
            "；同一更新之后已安装成功",
        ));
    }
    line
}

fn when(failure: &Failure, lang: Lang) -> String {
    let place = &failure.place;
    match (failure.first_ms, failure.last_ms) {
        (Some(first), Some(last)) if failure.times > 1 => say(
            lang,
            format!(
                "; {} times from {} to {} ({place})",
                failure.times,
                clock(first),
                clock(last)
            ),
            format!(
                "；{} 次，{} 至 {}（{place}）",
                failure.times,
                clock(first),
                clock(last)
            ),
        ),
        (Some(first), _) => say(
            lang,
            format!("; {} ({place})", clock(first)),
            format!("；{}（{place}）", clock(first)),
        ),
        _ => say(lang, format!(" ({place})"), format!("（{place}）")),
    }
}

fn damage_line(damage: &DamagedFile, lang: Lang) -> String {
    let mut line = match (damage.file.is_empty(), damage.component.is_empty()) {
        (false, false) => say(
            lang,
            format!("{} in {}", damage.file, damage.component),
            format!("{}，所属组件 {}", damage.file, damage.component),
        ),
        (false, true) => damage.file.clone(),
        (true, _) => damage.component.clone(),
    };
    if !damage.version.is_empty() && !damage.component.contains(&damage.version) {
        line.push_str(&say(
            lang,
            format!(", version {}", damage.version),
            format!("，版本 {}", damage.version),
        ));
    }
    if !damage.hash_expected.is_empty() {
        line.push_str(&say(
            lang,
            format!("; should have the hash {}", damage.hash_expected),
            format!("；应有哈希 {}", damage.hash_expected),
        ));
    }
    line.push_str(&if damage.repaired {
        say(lang, "; repaired since", "；之后已修复")
    } else {
        say(lang, "; not repaired", "；未修复")
    });
    line.push_str(&say(
        lang,
        format!(" ({})", damage.place),
        format!("（{}）", damage.place),
    ));
    line
}

fn repair_line(run: &RepairRun, lang: Lang) -> String {
    let number = |count: Option<u32>| count.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let operation = if run.operation.is_empty() {
        say(lang, "A run", "一次运行")
    } else {
        run.operation.clone()
    };
    let result = run.result.map_or_else(String::new, |code| {
        format!(" {code} {}", code.symbol().unwrap_or_default())
    });
    let at = run.at_ms.map_or_else(String::new, clock);
    say(
        lang,
        format!(
            "{operation} {at}: found {}, repaired {}, result{}; the store is {}",
            number(run.detected),
            number(run.repaired),
            if result.is_empty() {
                " not stated"
            } else {
                &result
            },
            if run.health.is_empty() {
                "unknown"
            } else {
                &run.health
            }
        ),
        format!(
            "{operation} {at}：发现 {} 处，修复 {} 处，结果{}；存储状态：{}",
            number(run.detected),
            number(run.repaired),
            if result.is_empty() {
                " 未说明"
            } else {
                &result
            },
            match run.health.as_str() {
                "healthy" => "正常",
                "corrupt" => "损坏",
                "repaired" => "已修复",
                _ => "未知",
            }
        ),
    )
}

fn other_lines(findings: &Findings, lang: Lang) -> Vec<Line> {
    let mut lines = Vec::new();
    if !findings.pending.is_empty() {
        let names = findings.pending.join(", ");
        lines.push(say(
            lang,
            format!("waiting for a reboot: {names}"),
            format!("等待重启：{names}"),
        ));
    }
    if !findings.installed.is_empty() {
        let count = findings.installed.len();
        let mut names: Vec<_> = findings.installed.keys().map(String::as_str).collect();
        names.reverse();
        names.truncate(MOST);
        lines.push(say(
            lang,
            format!(
                "{count} updates went in or are on the machine, among them {}",
                names.join(", ")
            ),
            format!(
                "{count} 个更新已安装或在列表中，其中有 {}",
                names.join("、")
            ),
        ));
    }
    if findings.harmless > 0 {
        let count = findings.harmless;
        lines.push(say(
            lang,
            format!("{count} records look like failure and are not: probes, retries, due reboots"),
            format!("{count} 条记录看似失败但并非失败：探测、自动重试或等待重启"),
        ));
    }
    if let Some((first, last)) = findings.span {
        lines.push(say(
            lang,
            format!(
                "the records run from {} to {}, as the logs print the time",
                clock(first),
                clock(last)
            ),
            format!(
                "记录时间从 {} 到 {}（日志所印时间）",
                clock(first),
                clock(last)
            ),
        ));
    }
    lines.into_iter().map(Line::Text).collect()
}

/// Wall clock as the log printed it.
fn clock(printed_at_ms: i64) -> String {
    Timestamp::from_millisecond(printed_at_ms).map_or_else(
        |_| "?".to_owned(),
        |time| {
            time.to_zoned(TimeZone::UTC)
                .strftime("%Y-%m-%d %H:%M:%S")
                .to_string()
        },
    )
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
