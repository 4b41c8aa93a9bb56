//! The steps of each class of cure, in order, in both languages, with the
//! exact command where there is one. All commands are written for Windows
//! PowerShell, so that they can be pasted into one window.

use super::catalogue::Class;
use super::quote;
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
    pub(super) check: Option<Check<'a>>,
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
        Class::Network => network(),
        Class::Disk => disk(),
        Class::Reboot => vec![reboot_first()],
        Class::Prerequisite => prerequisite(),
        Class::Installer => installer(),
        Class::Service => service(),
        Class::Trust => trust(),
        Class::AgentStore => agent_store(),
        Class::Meddling => meddling(),
        Class::Policy => policy(),
        Class::Retry => Vec::new(),
        Class::Unknown => unknown(),
    }
}

fn step(en: &str, zh: &str, command: &str) -> RemedyStep {
    RemedyStep {
        en: en.to_owned(),
        zh: zh.to_owned(),
        command: command.to_owned(),
    }
}

fn reboot_first() -> RemedyStep {
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

/// The expected hash stands in CBS.log: ask the source's file for its own
/// before DISM spends half an hour on it.
fn check_source(facts: &Facts<'_>) -> Option<RemedyStep> {
    let Check {
        component_key: key,
        file,
        hash,
    } = facts.check.filter(Check::is_sound)?;
    let store = side_by_side(quote::folder(&facts.source?.path)?);
    let command = format!(
        "(Get-FileHash -Algorithm SHA256 -LiteralPath '{store}\\{key}\\{file}').Hash -eq '{hash}'"
    );
    Some(step(
        "Check the source: its file must have the hash that CBS.log demands. \"True\" means that it fits; \"False\" or an error: take the next source.",
        "检查修复源：其文件的哈希必须等于 CBS.log 要求的值。返回 True 表示可用；返回 False 或报错则换下一个修复源。",
        &command,
    ))
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

fn network() -> Vec<RemedyStep> {
    vec![
        step(
            "Ask first whether it is one branch, one update server or one proxy: then it is not the update. See what the devices share.",
            "先判断是否集中在某个网点、某台更新服务器或某个代理：若是，则问题不在更新本身。查看这些设备的共同点。",
            "",
        ),
        step(
            "Ask the device which server and proxy it uses.",
            "查看设备使用的更新服务器和代理。",
            r#"reg.exe query "HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate"; netsh.exe winhttp show proxy"#,
        ),
        step(
            "Restart the services that fetch updates.",
            "重启负责下载更新的服务。",
            "Restart-Service -Name bits,wuauserv",
        ),
    ]
}

fn disk() -> Vec<RemedyStep> {
    vec![
        step(
            "Look how much room the system drive has; a cumulative update needs about 10 GB to unpack.",
            "查看系统盘剩余空间；累积更新解包约需 10 GB。",
            "Get-Volume -DriveLetter C | Select-Object SizeRemaining,Size",
        ),
        step(
            "Make room: clean superseded components. Afterwards the device can no longer serve as a repair source for its old level.",
            "释放空间：清理被取代的组件。清理后该设备不能再作为旧级别的修复源。",
            "Dism.exe /Online /Cleanup-Image /StartComponentCleanup",
        ),
    ]
}

fn prerequisite() -> Vec<RemedyStep> {
    vec![step(
        "Install the servicing stack update (or the checkpoint update) that this KB names as its prerequisite, then this KB.",
        "先安装此更新要求的服务堆栈更新（或检查点更新），再安装此更新。",
        "Dism.exe /Online /Get-Packages /Format:Table",
    )]
}

fn installer() -> Vec<RemedyStep> {
    vec![
        reboot_first(),
        step(
            "Find the installer that failed: CBS.log names it with its own code. A full boot partition, a disabled service or damaged performance counters are the usual reasons.",
            "找出失败的安装程序：CBS.log 会给出其名称和内部代码。常见原因：启动分区已满、服务被禁用、性能计数器损坏。",
            r"Select-String -LiteralPath $env:windir\Logs\CBS\CBS.log -Pattern 'Failed execution of queue item','ErrorCode:' | Select-Object -Last 20",
        ),
    ]
}

fn service() -> Vec<RemedyStep> {
    vec![step(
        "See whether the services that installs need are disabled; set them back to manual where policy allows.",
        "检查安装所需的服务是否被禁用；策略允许时改回手动。",
        "Get-Service wuauserv,bits,cryptsvc,trustedinstaller,msiserver,AppIDSvc | Select-Object Name,Status,StartType",
    )]
}

fn trust() -> Vec<RemedyStep> {
    vec![
        step(
            "Check the clock: a wrong one makes every certificate look invalid.",
            "检查时钟：时间错误会使所有证书看起来无效。",
            "w32tm.exe /query /status",
        ),
        step(
            "Check whether a proxy or inspection device changes what is downloaded, and whether the needed root certificates are installed.",
            "检查代理或流量检测设备是否改动了下载内容，以及所需根证书是否已安装。",
            "",
        ),
    ]
}

fn agent_store() -> Vec<RemedyStep> {
    vec![step(
        "Let the update agent rebuild its store: it keeps nothing that cannot be fetched again, but the update history shown to users is lost.",
        "让更新代理重建其数据存储：其中内容都可重新获取，但用户界面中的更新历史会丢失。",
        r"Stop-Service -Name wuauserv,bits; Rename-Item -LiteralPath $env:windir\SoftwareDistribution -NewName SoftwareDistribution.old; Start-Service -Name bits,wuauserv",
    )]
}

fn meddling() -> Vec<RemedyStep> {
    vec![
        step(
            "Find out who holds the file: the failing record names it. Compare first whether devices with the suspected software fail more often than like devices without it.",
            "查明谁占用了文件：失败记录会写明文件名。先比较安装了可疑软件的设备是否比同类设备更常失败。",
            r"Select-String -LiteralPath $env:windir\Logs\CBS\CBS.log -Pattern '0x80070005','0x80070020','STATUS_SHARING_VIOLATION' | Select-Object -Last 20",
        ),
        step(
            "Try one device with the security software's exclusion for servicing (TiWorker.exe, TrustedInstaller.exe, WinSxS) agreed with its owner.",
            "经安全软件负责人同意，在一台设备上为更新服务（TiWorker.exe、TrustedInstaller.exe、WinSxS）设置排除后重试。",
            "",
        ),
    ]
}

fn policy() -> Vec<RemedyStep> {
    vec![step(
        "A policy forbids what the update needs. Read which one, and have its owner decide.",
        "某项策略禁止了更新所需的操作。查明是哪一项，由其负责人决定。",
        r#"reg.exe query "HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate" /s"#,
    )]
}

fn unknown() -> Vec<RemedyStep> {
    vec![step(
        "No cure is known for this code. Read the evidence of two or three of the devices side by side; what they share stands above.",
        "此代码没有已知的处理方法。请并排查看两三台设备的证据；共同点见上。",
        r"Select-String -LiteralPath $env:windir\Logs\CBS\CBS.log -Pattern 'HRESULT = 0x8' | Select-Object -Last 30",
    )]
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
        let facts = Facts {
            kb: "KB5022286",
            build: kbs.build_of("KB5022286", None),
            kbs: &kbs,
            source: Some(&source),
            check: Some(Check {
                component_key: "amd64_part_31bf3856ad364e35_10.0.17763.1_none_0123456789abcdef",
                file: "part.dll",
                hash: &hash,
            }),
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
    fn the_components_of_a_source_are_looked_for_in_one_side_by_side_folder() {
        assert_eq!(
            side_by_side(r"\\pc-1\c$\Windows"),
            r"\\pc-1\c$\Windows\WinSxS"
        );
        assert_eq!(side_by_side(r"\\depot\3770\winsxs"), r"\\depot\3770\winsxs");
    }
}
