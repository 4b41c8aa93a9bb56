//! The steps of each class of cure, in order, in both languages, with the
//! exact command where there is one. All commands are written for Windows
//! PowerShell, so that they can be pasted into one window.

use super::beyond_store;
use super::catalogue::Class;
use super::repair::{Repair, check_source, restore};
use crate::kb::{Build, KbTable};
use crate::view::RemedyStep;

/// What the steps are filled with.
pub(super) struct Facts<'a> {
    pub(super) kb: &'a str,
    /// Build that the KB brings.
    pub(super) build: Option<Build>,
    pub(super) kbs: &'a KbTable,
    /// Repairs of the component store: one, or one for each group of devices.
    pub(super) repairs: Vec<Repair<'a>>,
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
    for repair in &facts.repairs {
        steps.extend(check_source(repair));
        steps.push(restore(repair));
    }
    steps.push(read_summary());
    steps
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
    let mut steps = vec![
        reboot_first(),
        step(
            "Find out what was missing: the last failure in CBS.log names the package or file. As the result of a feature install this code says nothing about the store.",
            "查明缺少什么：CBS.log 中最后一次失败会写明程序包或文件。若是启用功能时出现此代码，则与组件存储无关。",
            r"Select-String -LiteralPath $env:windir\Logs\CBS\CBS.log -Pattern '0x800f081f','0x800f0906' | Select-Object -Last 20",
        ),
    ];
    steps.extend(facts.repairs.iter().map(restore));
    steps.push(read_summary());
    steps
}

#[cfg(test)]
mod tests {
    use super::super::repair::Check;
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
        let hash = "ab".repeat(32);
        let check = Check {
            component_key: "amd64_part_31bf3856ad364e35_10.0.17763.1_none_0123456789abcdef",
            file: "part.dll",
            hash: &hash,
        };
        let repair = |folders| Repair {
            whom: None,
            folders,
            checks: vec![check, check],
            unchecked: 1,
        };
        let one = repair(vec![r"\\depot01\repair$\3770\Windows"]);
        let two = repair(vec![r"\\pc-1\c$\Windows", r"\\pc-2\c$\Windows"]);
        let facts = Facts {
            kb: "KB5022286",
            build: kbs.build_of("KB5022286", None),
            kbs: &kbs,
            repairs: vec![one, two],
        };
        for class in CLASSES {
            for step in steps(class, &facts) {
                // Both belong to the command prompt and fail in PowerShell.
                let alien = step.command.contains(" & ") || step.command.matches('%').count() > 1;
                assert!(!alien, "{class:?}: {}", step.command);
            }
        }
    }
}
