//! What each finding reads like, in English and Chinese.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kbwatch_proto::words::Phase;

use super::findings::{DamagedFile, Failure, Findings, RepairRun};
use super::report::Line;
use crate::cli::Lang;

/// Most items of one kind that are told; the rest is counted.
const MOST: usize = 12;

/// Picks one of two texts.
pub(super) fn say(lang: Lang, en: impl Into<String>, zh: impl Into<String>) -> String {
    match lang {
        Lang::En => en.into(),
        Lang::Zh => zh.into(),
    }
}

pub(super) fn listed<T>(lang: Lang, items: &[T], line: impl Fn(&T) -> String) -> Vec<Line> {
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

pub(super) fn headline(findings: &Findings, lang: Lang) -> String {
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

pub(super) fn failure_line(failure: &Failure, lang: Lang) -> String {
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

pub(super) fn damage_line(damage: &DamagedFile, lang: Lang) -> String {
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

pub(super) fn repair_line(run: &RepairRun, lang: Lang) -> String {
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

pub(super) fn other_lines(findings: &Findings, lang: Lang) -> Vec<Line> {
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
