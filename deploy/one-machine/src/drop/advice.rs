//! What to do about findings: steps in the order in which they help.
//!
//! Names from a log enter a command only if they are plain names: a log is
//! written by whoever can write on that machine.

use kbwatch_proto::result_code::ResultCode;

use super::findings::{DamagedFile, Findings};
use super::report::Line;
use crate::cli::Lang;

/// What kind of cure a result code asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Cure {
    Reboot,
    Store,
    Disk,
    Network,
    Service,
    Security,
    Prerequisite,
    Application,
    Again,
}

/// Source of the grouping: Microsoft's pages on fixing update corruption and
/// on update errors by component; the grouping itself is ours.
fn cure_of(code: ResultCode) -> Option<Cure> {
    Some(match code.0 {
        0x8007_0bc9 | 0x800f_0806 | 0x8024_0016 => Cure::Reboot,
        0x800f_0981..=0x800f_0990
        | 0x800f_081f
        | 0x800f_0830
        | 0x800f_0831
        | 0x800f_0900
        | 0x8007_3701
        | 0x8007_3712
        | 0x8007_36cc
        | 0x8007_36b3
        | 0x8007_371b
        | 0x8007_000d => Cure::Store,
        0x8007_0070 | 0x800f_0828 => Cure::Disk,
        0x8024_402c | 0x8024_401c | 0x8024_4018 | 0x8024_4019 | 0x8024_4022 | 0x8024_001f
        | 0x8024_0034 | 0x8024_0438 | 0x8007_2ee2 | 0x8007_2efd | 0x8007_2f8f | 0x80d0_5001
        | 0x8019_0193 => Cure::Network,
        0x8007_0422 | 0x8024_6008 | 0x8008_0005 | 0x8024_002e => Cure::Service,
        0x8007_0005 | 0x8007_0020 | 0x800f_0921 | 0x8009_6010 => Cure::Security,
        0x800f_0823 | 0x800f_0991 | 0x800f_081e => Cure::Prerequisite,
        0x8007_0643 | 0x8024_200b => Cure::Application,
        0x800f_0821 | 0x8007_045b | 0x8007_05b4 | 0x8024_001e | 0x8024_0009 => Cure::Again,
        _ => return None,
    })
}

/// Steps for what is still open; empty if nothing is.
pub(super) fn advise(findings: &Findings, lang: Lang) -> Vec<Line> {
    let mut cures: Vec<Cure> = findings
        .open_failures()
        .flat_map(|failure| [failure.code, failure.inner])
        .flatten()
        .filter_map(|code| cure_of(code.canonical()))
        .collect();
    if findings.open_damage().next().is_some() {
        cures.push(Cure::Store);
    }
    let open = findings.open_failures().next().is_some() || !cures.is_empty();
    let mut steps = Steps {
        lang,
        lines: Vec::new(),
    };
    if !findings.pending.is_empty() || cures.contains(&Cure::Reboot) {
        steps.text(
            "Reboot first: an unfinished installation waits for it and stands in the way of the next.",
            "先重启：有未完成的安装在等待重启，会妨碍后续安装。",
        );
    }
    if !open {
        return steps.lines;
    }
    for (cure, en, zh) in EXTERNAL {
        if cures.contains(cure) {
            steps.text(en, zh);
        }
    }
    if cures.contains(&Cure::Store) {
        steps.repair_store(findings);
    }
    if findings.open_failures().next().is_some() {
        steps.text(
            "Install the newest cumulative update for this build rather than an old one again: expired updates cannot be downloaded.",
            "安装适用于该版本的最新累积更新，而不是重试旧更新：过期的更新已无法下载。",
        );
        steps.text(
            "Reboot, then verify: event 19 in the System log, and the build number.",
            "重启后核实：系统日志中的事件 19，以及版本号。",
        );
        steps.command("reg query \"HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\" /v UBR");
    }
    steps.lines
}

const EXTERNAL: &[(Cure, &str, &str)] = &[
    (
        Cure::Disk,
        "Free disk space on the system drive: at least 10 GB for a cumulative update.",
        "清理系统盘：安装累积更新至少需要 10 GB 可用空间。",
    ),
    (
        Cure::Network,
        "Look at the way to the update server before the machine: name resolution, proxy, the WSUS server itself. A proxy that answers with a web page looks like this too.",
        "先检查到更新服务器的通路，再检查本机：域名解析、代理、WSUS 服务器。代理返回网页时也会出现此错误。",
    ),
    (
        Cure::Service,
        "See whether a policy disabled a service that updates need: Windows Update, BITS, Windows Modules Installer.",
        "检查策略是否禁用了更新所需的服务：Windows Update、BITS、Windows Modules Installer。",
    ),
    (
        Cure::Security,
        "Something kept servicing from a file: see what security software logged at that time. That it is to blame is not proven by this code alone.",
        "有程序阻止了服务堆栈访问文件：查看安全软件当时的日志。仅凭此代码不能证明是它造成的。",
    ),
    (
        Cure::Prerequisite,
        "Install what the update needs first, usually the newest servicing stack update, and see that it is meant for this edition and build.",
        "先安装前置更新（通常是最新的服务堆栈更新），并确认该更新适用于此版本。",
    ),
    (
        Cure::Application,
        "The update's own installer failed: the reason is in its own log, not in these files.",
        "更新自带的安装程序失败：原因在它自己的日志中，不在这些文件里。",
    ),
    (
        Cure::Again,
        "It was interrupted rather than broken: let it try again with enough time before the shutdown.",
        "安装是被中断而不是损坏：在关机前留足时间后重试。",
    ),
];

struct Steps {
    lang: Lang,
    lines: Vec<Line>,
}

impl Steps {
    fn text(&mut self, en: &str, zh: &str) {
        self.lines.push(Line::Text(match self.lang {
            Lang::En => en.to_owned(),
            Lang::Zh => zh.to_owned(),
        }));
    }

    fn command(&mut self, command: impl Into<String>) {
        self.lines.push(Line::Command(command.into()));
    }

    fn repair_store(&mut self, findings: &Findings) {
        self.text(
            "Choose a source that holds exactly the damaged version: a machine or image on the same build, edition and language, best an approved depot. A machine that already has the failing update no longer holds it.",
            "选择含有完全相同版本文件的修复源：同版本、同版次、同语言的机器或映像，最好是经批准的修复库。已装上该更新的机器不再含有所需版本。",
        );
        let checkable = findings
            .open_damage()
            .filter_map(source_check)
            .take(3)
            .collect::<Vec<_>>();
        if !checkable.is_empty() {
            self.text(
                "Check the source's files before DISM runs; each must print the hash that follows it.",
                "运行 DISM 之前先校验修复源中的文件，每条命令应输出其后的哈希值。",
            );
            for command in checkable {
                self.command(command);
            }
        }
        self.text(
            "Repair from that source only (put its share in place of SOURCE).",
            "仅从该修复源修复（把 SOURCE 换成其共享路径）。",
        );
        self.command(
            "Dism /Online /Cleanup-Image /RestoreHealth /Source:\\\\SOURCE\\WinSxS /LimitAccess",
        );
        self.text(
            "Read the summary at the end of CBS.log: the files above must be marked (Fixed). If they are not, the source did not hold that version: take another.",
            "查看 CBS.log 末尾的汇总：上述文件应标有 (Fixed)。若没有，说明该修复源不含所需版本，请更换。",
        );
    }
}

/// The command that prints the hash of the source's file, with the hash that
/// the record demands.
fn source_check(damage: &DamagedFile) -> Option<String> {
    // A file may lie in a folder of its component.
    let file = damage.file.as_str();
    let plain_path = file.split('\\').all(is_plain);
    let hash = damage.hash_expected.as_str();
    let hex = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    let full_name = damage.component.matches('_').count() >= 5 && !damage.component.contains("..");
    (hex && full_name && is_plain(&damage.component) && plain_path).then(|| {
        format!(
            "certutil -hashfile \"\\\\SOURCE\\WinSxS\\{}\\{file}\" SHA256   & rem {}",
            damage.component,
            hash.to_lowercase()
        )
    })
}

fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.len() <= 260
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drop::findings::Failure;
    use kbwatch_proto::words::Phase;

    fn damage(component: &str, file: &str) -> DamagedFile {
        DamagedFile {
            component: component.to_owned(),
            file: file.to_owned(),
            hash_expected: "ab".repeat(32),
            ..DamagedFile::default()
        }
    }

    #[test]
    fn a_hostile_name_never_enters_a_command() {
        let sound = "amd64_probe_31bf3856ad364e35_10.0.17763.1_none_0011223344556677";
        assert!(source_check(&damage(sound, "probe.dll")).is_some());
        for file in [
            "a\" & calc & \".dll",
            "a%PATH%.dll",
            "a\nb.dll",
            "..\\..\\b.dll",
            "",
        ] {
            assert_eq!(source_check(&damage(sound, file)), None, "{file:?}");
        }
    }

    #[test]
    fn damage_asks_for_a_source_of_the_same_version_and_for_dism() {
        let findings = Findings {
            damage: vec![damage("amd64_x", "x.dll")],
            ..Findings::default()
        };
        let lines = advise(&findings, Lang::En);
        assert!(lines.iter().any(
            |line| matches!(line, Line::Command(text) if text.contains("/RestoreHealth") && text.contains("/LimitAccess"))
        ));
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
