//! The steps of each class of cure, in order, in both languages, with the
//! exact command where there is one. All commands are written for Windows
//! PowerShell, so that they can be pasted into one window.

use super::catalogue::Class;
use super::{beyond_store, quote};
use crate::kb::{Build, KbTable};
use crate::view::{RemedyStep, RepairSource};

/// What the steps are filled with.
pub(super) struct Facts<'a> {
    pub(super) kb: &'a str,
    /// Build that the KB brings.
    pub(super) build: Option<Build>,
    pub(super) kbs: &'a KbTable,
    pub(super) source: Option<&'a RepairSource>,
    /// What tells whether a source holds what is needed.
    pub(super) checks: &'a [Check<'a>],
    /// Damaged files that are not among the checks.
    pub(super) unchecked: usize,
}

/// A file of the store and the hash that it must have, as one record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Check<'a> {
    /// `WinSxS` folder of the component.
    pub(super) component_key: &'a str,
    /// File in it.
    pub(super) file: &'a str,
    /// SHA-256 in hex.
    pub(super) hash: &'a str,
}

impl Check<'_> {
    /// Whether all of it may stand in a command.
    pub(super) fn is_sound(&self) -> bool {
        quote::sha256(self.hash).is_some()
            && quote::file(self.file).is_some()
            && quote::segment(self.component_key).is_some()
    }
}

/// The steps of a class, to the verified update.
pub(super) fn steps(class: Class, facts: &Facts<'_>) -> Vec<RemedyStep> {
    let mut steps = cure(class, facts);
    steps.extend([install_newest(facts), reboot(), verify(facts)]);
    steps
}

/// The steps of a class, without the update that is tried again afterwards.
pub(super) fn cure(class: Class, facts: &Facts<'_>) -> Vec<RemedyStep> {
    match class {
        Class::ComponentStore => store(facts),
        Class::Source => source(facts),
        Class::Network => beyond_store::network(),
        Class::Disk => beyond_store::disk(),
        Class::Reboot => vec![reboot_first()],
        Class::Prerequisite => beyond_store::prerequisite(),
        Class::Installer => beyond_store::installer(),
        Class::Service => beyond_store::service(),
        Class::Trust => beyond_store::trust(),
        Class::AgentStore => beyond_store::agent_store(),
        Class::Meddling => beyond_store::meddling(),
        Class::Policy => beyond_store::policy(),
        Class::Retry => Vec::new(),
        Class::Unknown => beyond_store::unknown(),
    }
}

pub(super) fn step(en: &str, zh: &str, command: &str) -> RemedyStep {
    RemedyStep {
        en: en.to_owned(),
        zh: zh.to_owned(),
        command: command.to_owned(),
    }
}

pub(super) fn reboot_first() -> RemedyStep {
    step(
        "Clear a pending reboot first: nothing is repaired or installed while one waits. If the key exists, restart.",
        "先清除挂起的重启：有重启挂起时无法修复或安装。若该注册表项存在，请先重启。",
        r#"reg.exe query "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending""#,
    )
}

fn store(facts: &Facts<'_>) -> Vec<RemedyStep> {
    let mut steps = vec![reboot_first()];
    steps.extend(check_source(facts));
    steps.push(restore(facts));
    steps.push(read_summary());
    steps
}

/// The expected hashes stand in CBS.log: ask the source's files for their own
/// before DISM spends half an hour on it.
fn check_source(facts: &Facts<'_>) -> Option<RemedyStep> {
    let store = side_by_side(quote::folder(&facts.source?.path)?);
    let sound = facts.checks.iter().filter(|check| check.is_sound());
    let files: Vec<(String, &str)> = sound
        .map(|check| {
            let path = format!("{store}\\{}\\{}", check.component_key, check.file);
            (path, check.hash)
        })
        .collect();
    let (mut en, mut zh, command) = match files.as_slice() {
        [] => return None,
        [(path, hash)] => (
            "Check the source: its file must have the hash that CBS.log demands. \"True\" means that it fits; \"False\" or an error: take the next source.".to_owned(),
            "检查修复源：其文件的哈希必须等于 CBS.log 要求的值。返回 True 表示可用；返回 False 或报错则换下一个修复源。".to_owned(),
            format!("(Get-FileHash -Algorithm SHA256 -LiteralPath '{path}').Hash -eq '{hash}'"),
        ),
        several => (
            format!("Check the source: each of these {} files must have the hash that CBS.log demands. \"True\" before every file means that it fits; a \"False\" or an error: take the next source.", several.len()),
            format!("检查修复源：以下 {} 个文件的哈希都必须等于 CBS.log 要求的值。每个文件前均为 True 表示可用；出现 False 或报错则换下一个修复源。", several.len()),
            check_several(several),
        ),
    };
    if facts.unchecked > 0 {
        let n = facts.unchecked;
        let rest = format!(
            " {n} more damaged files cannot be checked so: their hash is not known, or they are too many."
        );
        en.push_str(&rest);
        let rest = format!("另有 {n} 个损坏文件无法这样检查：哈希未知或文件过多。");
        zh.push_str(&rest);
    }
    Some(step(&en, &zh, &command))
}

fn check_several(files: &[(String, &str)]) -> String {
    let pairs: Vec<String> = files
        .iter()
        .map(|(path, hash)| format!("'{path}' = '{hash}'"))
        .collect();
    format!(
        "$wanted = [ordered]@{{ {} }}; $wanted.Keys | ForEach-Object {{ '{{0}}  {{1}}' -f ((Get-FileHash -Algorithm SHA256 -LiteralPath $_).Hash -eq $wanted[$_]), $_ }}",
        pairs.join("; ")
    )
}

/// DISM takes a Windows folder or a side-by-side folder as its source; the
/// components lie in the latter.
fn side_by_side(folder: &str) -> String {
    let last = folder.rsplit('\\').next().unwrap_or_default();
    if last.eq_ignore_ascii_case("WinSxS") {
        folder.to_owned()
    } else {
        format!("{folder}\\WinSxS")
    }
}

fn restore(facts: &Facts<'_>) -> RemedyStep {
    let source = facts.source.and_then(|source| quote::folder(&source.path));
    match source {
        Some(path) => step(
            "Repair the component store from the source, without asking Windows Update.",
            "使用该修复源修复组件存储，不访问 Windows 更新。",
            &format!(
                "Dism.exe /Online /Cleanup-Image /RestoreHealth /Source:\"{path}\" /LimitAccess"
            ),
        ),
        None => step(
            "No source on the failing devices' level is known. Register a depot of that level, or mount an image that was serviced to it, then repair from it with /Source and /LimitAccess. Until then only detect.",
            "没有已知的同级别修复源。请登记该级别的修复库，或挂载已更新到该级别的映像，再用 /Source 和 /LimitAccess 修复。在此之前只做检测。",
            "Dism.exe /Online /Cleanup-Image /ScanHealth",
        ),
    }
}

fn read_summary() -> RemedyStep {
    step(
        "Read the summary: the file that blocked the install must be marked (Fixed). If it is not, this source does not hold the needed version: take the next one. 0x800f081f beside a fixed file is acceptable.",
        "查看摘要：阻止安装的文件必须标记为 (Fixed)。若没有，说明该源不含所需版本，请换下一个。若该文件已修复，0x800f081f 可以接受。",
        r"Select-String -LiteralPath $env:windir\Logs\CBS\CBS.log -Pattern 'Total Detected Corruption','Total Repaired Corruption','CSI Payload Corrupt','\(Fixed\)' | Select-Object -Last 40",
    )
}

fn install_newest(facts: &Facts<'_>) -> RemedyStep {
    let expired = facts.kbs.is_expired(facts.kb);
    let family = facts.build.map(|build| build.family);
    let newest = family.and_then(|family| facts.kbs.newest_offered(family));
    let kb = facts.kb;
    match newest.filter(|_| expired) {
        Some(newest) => step(
            &format!(
                "Install again. {kb} has expired and cannot be fetched any more where it was not kept; the newest cumulative update known here is {} ({}), which contains it.",
                newest.kb, newest.build
            ),
            &format!(
                "重新安装。{kb} 已过期，未留存的安装包无法再次获取；此处已知的最新累积更新是 {}（{}），已包含它。",
                newest.kb, newest.build
            ),
            "UsoClient.exe StartInteractiveScan",
        ),
        None => step(
            &format!("Install {kb} again: let the device look for updates."),
            &format!("重新安装 {kb}：让设备重新检查更新。"),
            "UsoClient.exe StartInteractiveScan",
        ),
    }
}

fn reboot() -> RemedyStep {
    step(
        "Restart within the maintenance window: the update takes effect at the boot.",
        "在维护窗口内重启：更新在启动时生效。",
        r#"shutdown.exe /r /t 300 /d p:2:17 /c "Update""#,
    )
}

fn verify(facts: &Facts<'_>) -> RemedyStep {
    let wanted = facts.build.map(|build| build.revision);
    let en = match wanted {
        Some(revision) => format!(
            "Verify: the revision (UBR) must be {revision} or higher. Its absence from the installed-update list proves nothing."
        ),
        None => "Verify: the package must be in state Installed.".to_owned(),
    };
    let zh = match wanted {
        Some(revision) => {
            format!(
                "验证：修订号 (UBR) 必须大于或等于 {revision}。不在已安装更新列表中并不说明失败。"
            )
        }
        None => "验证：程序包状态必须为 Installed（已安装）。".to_owned(),
    };
    let command = match wanted {
        Some(_) => r"(Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion').UBR",
        None => "Dism.exe /Online /Get-Packages /Format:Table",
    };
    step(&en, &zh, command)
}

fn source(facts: &Facts<'_>) -> Vec<RemedyStep> {
    vec![
        reboot_first(),
        step(
            "Find out what was missing: the last failure in CBS.log names the package or file. As the result of a feature install this code says nothing about the store.",
            "查明缺少什么：CBS.log 中最后一次失败会写明程序包或文件。若是启用功能时出现此代码，则与组件存储无关。",
            r"Select-String -LiteralPath $env:windir\Logs\CBS\CBS.log -Pattern '0x800f081f','0x800f0906' | Select-Object -Last 20",
        ),
        restore(facts),
        read_summary(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: [Class; 14] = [
        Class::ComponentStore,
        Class::Source,
        Class::Network,
        Class::Disk,
        Class::Reboot,
        Class::Prerequisite,
        Class::Installer,
        Class::Service,
        Class::Trust,
        Class::AgentStore,
        Class::Meddling,
        Class::Policy,
        Class::Retry,
        Class::Unknown,
    ];

    #[test]
    fn every_command_is_for_powershell() {
        let kbs = KbTable::shipped();
        let source = RepairSource {
            path: r"\\depot01\repair$\3770\Windows".to_owned(),
            ..RepairSource::default()
        };
        let hash = "ab".repeat(32);
        let check = Check {
            component_key: "amd64_part_31bf3856ad364e35_10.0.17763.1_none_0123456789abcdef",
            file: "part.dll",
            hash: &hash,
        };
        let facts = Facts {
            kb: "KB5022286",
            build: kbs.build_of("KB5022286", None),
            kbs: &kbs,
            source: Some(&source),
            checks: &[check, check],
            unchecked: 1,
        };
        for class in CLASSES {
            for step in steps(class, &facts) {
                // Both belong to the command prompt and fail in PowerShell.
                let alien = step.command.contains(" & ") || step.command.contains('%');
                assert!(!alien, "{class:?}: {}", step.command);
            }
        }
    }

    #[test]
    fn every_damaged_file_is_checked_and_the_rest_is_counted() {
        let kbs = KbTable::shipped();
        let source = RepairSource {
            path: r"\\depot01\repair$\Windows".to_owned(),
            ..RepairSource::default()
        };
        let hashes = ["ab".repeat(32), "cd".repeat(32)];
        let checks: Vec<Check<'_>> = ["one.dll", "two.dll"]
            .into_iter()
            .zip(&hashes)
            .map(|(file, hash)| Check {
                component_key: "amd64_part_31bf3856ad364e35_10.0.17763.1_none_0123456789abcdef",
                file,
                hash,
            })
            .collect();
        let facts = Facts {
            kb: "KB5022286",
            build: None,
            kbs: &kbs,
            source: Some(&source),
            checks: &checks,
            unchecked: 3,
        };
        let step = check_source(&facts).unwrap();
        for part in ["one.dll' = 'abab", "two.dll' = 'cdcd"] {
            assert!(step.command.contains(part), "{}", step.command);
        }
        assert!(step.en.contains("these 2 files") && step.en.contains("3 more"));
        assert!(step.zh.contains("2 个文件") && step.zh.contains("3 个"));
        let one = Facts {
            checks: &checks[..1],
            unchecked: 0,
            ..facts
        };
        let step = check_source(&one).unwrap();
        assert!(step.command.starts_with("(Get-FileHash") && !step.en.contains("more"));
    }

    #[test]
    fn the_components_of_a_source_are_looked_for_in_one_side_by_side_folder() {
        assert_eq!(
            side_by_side(r"\\pc-1\c$\Windows"),
            r"\\pc-1\c$\Windows\WinSxS"
        );
        assert_eq!(side_by_side(r"\\depot\3770\winsxs"), r"\\depot\3770\winsxs");
    }
}
