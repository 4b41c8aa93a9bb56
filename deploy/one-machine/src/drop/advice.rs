//! What to do about findings: the analyzer's remedies, for a machine of which
//! only these logs are known.

use kbwatch_analyzer::steps_for_log;
use kbwatch_analyzer::view::{DamagedFile as Damaged, RemedyStep};

use super::findings::{DamagedFile, Findings};
use super::report::Line;
use crate::cli::Lang;

/// Steps for what is still open; empty if nothing is.
pub(super) fn advise(findings: &Findings, lang: Lang) -> Vec<Line> {
    let worst = findings.open_failures().next();
    let damage = findings
        .open_damage()
        .find(|damage| !damage.hash_expected.is_empty())
        .or_else(|| findings.open_damage().next());
    let mut lines = Vec::new();
    if !findings.pending.is_empty() {
        lines.push(text(
            lang,
            "Reboot first: an unfinished installation waits for it and stands in the way of the next.",
            "先重启：有未完成的安装在等待重启，会妨碍后续安装。",
        ));
    }
    if worst.is_none() && damage.is_none() {
        return lines;
    }
    if damage.is_some() {
        lines.push(text(
            lang,
            "Choose a source, and put its name where SOURCE stands: a machine or image on the same build, edition and language that holds exactly the damaged version, best an approved depot. A machine that already has the failing update no longer holds it.",
            "选择修复源，并用其名称替换 SOURCE：同版本、同版次、同语言且含有完全相同文件版本的机器或映像，最好是经批准的修复库。已装上该更新的机器不再含有所需版本。",
        ));
    }
    let kb = worst.map_or("", |failure| failure.subject.as_str());
    let kb = if kb.starts_with("KB") { kb } else { "" };
    let code = worst.and_then(|failure| failure.code);
    let (damaged, key) = damage.map_or((None, ""), |damage| {
        (Some(damaged(damage)), damage.component.as_str())
    });
    let steps = steps_for_log(kb, code.map_or(0, |code| code.0), damaged.as_ref(), key);
    if steps.iter().any(|step| !step.command.is_empty()) {
        lines.push(text(
            lang,
            "The commands are for Windows PowerShell, run as administrator on that machine.",
            "命令须在该机器上以管理员身份于 Windows PowerShell 中运行。",
        ));
    }
    for step in steps {
        lines.extend(told(step, lang));
    }
    lines
}

fn text(lang: Lang, en: &str, zh: &str) -> Line {
    Line::Text(match lang {
        Lang::En => en.to_owned(),
        Lang::Zh => zh.to_owned(),
    })
}

fn told(step: RemedyStep, lang: Lang) -> impl Iterator<Item = Line> {
    let sentence = match lang {
        Lang::En => step.en,
        Lang::Zh => step.zh,
    };
    let command = (!step.command.is_empty()).then_some(Line::Command(step.command));
    std::iter::once(Line::Text(sentence)).chain(command)
}

fn damaged(damage: &DamagedFile) -> Damaged {
    Damaged {
        arch: damage.arch.clone(),
        assembly: damage.component.clone(),
        file: damage.file.clone(),
        component_version: damage.version.clone(),
        hash_expected: damage.hash_expected.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drop::findings::Failure;
    use kbwatch_proto::result_code::ResultCode;
    use kbwatch_proto::words::Phase;

    const KEY: &str = "amd64_probe_31bf3856ad364e35_10.0.17763.1_none_0011223344556677";

    fn with_damage(file: &str) -> Findings {
        Findings {
            damage: vec![DamagedFile {
                component: KEY.to_owned(),
                file: file.to_owned(),
                hash_expected: "ab".repeat(32),
                ..DamagedFile::default()
            }],
            ..Findings::default()
        }
    }

    fn commands(findings: &Findings) -> Vec<String> {
        advise(findings, Lang::En)
            .into_iter()
            .filter_map(|line| match line {
                Line::Command(command) => Some(command),
                Line::Text(_) => None,
            })
            .collect()
    }

    #[test]
    fn damage_asks_for_a_checked_source_and_for_dism() {
        let commands = commands(&with_damage("probe.dll"));
        let any = |word: &str| commands.iter().any(|command| command.contains(word));
        assert!(any("Get-FileHash") && any(KEY) && any(&"ab".repeat(32)));
        assert!(any("/RestoreHealth") && any("/LimitAccess"));
    }

    #[test]
    fn a_hostile_name_never_enters_a_command() {
        for file in ["a' & calc '.dll", "a%PATH%.dll", "..\\..\\b.dll"] {
            let commands = commands(&with_damage(file));
            assert!(!commands.is_empty());
            assert!(
                commands.iter().all(|command| !command.contains(file)),
                "{commands:?}"
            );
        }
    }

    #[test]
    fn nothing_open_asks_for_nothing() {
        let healed = Failure {
            subject: "KB5022286".to_owned(),
            package: String::new(),
            code: Some(ResultCode(0x800f_0985)),
            inner: None,
            phase: Phase::Install,
            arose_in: String::new(),
            times: 1,
            first_ms: None,
            last_ms: None,
            place: String::new(),
            healed: true,
        };
        let findings = Findings {
            failures: vec![healed],
            ..Findings::default()
        };
        assert_eq!(advise(&findings, Lang::En), []);
    }
}
