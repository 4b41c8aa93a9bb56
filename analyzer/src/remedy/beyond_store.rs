//! Steps of the cures that leave the component store alone.

use super::steps::{reboot_first, step};
use crate::view::RemedyStep;

pub(super) fn network() -> Vec<RemedyStep> {
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

pub(super) fn disk() -> Vec<RemedyStep> {
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

pub(super) fn prerequisite() -> Vec<RemedyStep> {
    vec![step(
        "Install the servicing stack update (or the checkpoint update) that this KB names as its prerequisite, then this KB.",
        "先安装此更新要求的服务堆栈更新（或检查点更新），再安装此更新。",
        "Dism.exe /Online /Get-Packages /Format:Table",
    )]
}

pub(super) fn installer() -> Vec<RemedyStep> {
    vec![
        reboot_first(),
        step(
            "Find the installer that failed: CBS.log names it with its own code. A full boot partition, a disabled service or damaged performance counters are the usual reasons.",
            "找出失败的安装程序：CBS.log 会给出其名称和内部代码。常见原因：启动分区已满、服务被禁用、性能计数器损坏。",
            r"Select-String -LiteralPath $env:windir\Logs\CBS\CBS.log -Pattern 'Failed execution of queue item','ErrorCode:' | Select-Object -Last 20",
        ),
    ]
}

pub(super) fn service() -> Vec<RemedyStep> {
    vec![step(
        "See whether the services that installs need are disabled; set them back to manual where policy allows.",
        "检查安装所需的服务是否被禁用；策略允许时改回手动。",
        "Get-Service wuauserv,bits,cryptsvc,trustedinstaller,msiserver,AppIDSvc | Select-Object Name,Status,StartType",
    )]
}

pub(super) fn trust() -> Vec<RemedyStep> {
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

pub(super) fn agent_store() -> Vec<RemedyStep> {
    vec![step(
        "Let the update agent rebuild its store: it keeps nothing that cannot be fetched again, but the update history shown to users is lost.",
        "让更新代理重建其数据存储：其中内容都可重新获取，但用户界面中的更新历史会丢失。",
        r"Stop-Service -Name wuauserv,bits; Rename-Item -LiteralPath $env:windir\SoftwareDistribution -NewName SoftwareDistribution.old; Start-Service -Name bits,wuauserv",
    )]
}

pub(super) fn meddling() -> Vec<RemedyStep> {
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

pub(super) fn policy() -> Vec<RemedyStep> {
    vec![step(
        "A policy forbids what the update needs. Read which one, and have its owner decide.",
        "某项策略禁止了更新所需的操作。查明是哪一项，由其负责人决定。",
        r#"reg.exe query "HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate" /s"#,
    )]
}

pub(super) fn unknown() -> Vec<RemedyStep> {
    vec![step(
        "No cure is known for this code. Read the evidence of two or three of the devices side by side; what they share stands above.",
        "此代码没有已知的处理方法。请并排查看两三台设备的证据；共同点见上。",
        r"Select-String -LiteralPath $env:windir\Logs\CBS\CBS.log -Pattern 'HRESULT = 0x8' | Select-Object -Last 30",
    )]
}
