//! The open cluster of one golden image, and a closed one.

use kbwatch_analyzer::view::{
    CauseCandidate, Cluster, Cure, CureEvidence, DamageGroup, DamagedFile, Exonerated, HealRate,
    Life, MemberDevice, Point, Remedy, RemedyStep, RepairSource, Said, Waiting,
};

use super::{CLUSTER, DAY, HOUR, KB, MINUTE, facts};

fn member(now_ms: i64, i: u32) -> MemberDevice {
    let branch = format!("branch-{:04}", 400 + i % 19);
    MemberDevice {
        device_id: format!("tlr-{:04}-{:02}", 417 + i % 19, 3 + i / 19),
        first_failed_at_ms: now_ms - (i64::from(i) + 1) * 37 * MINUTE - i64::from(i % 3) * 5 * HOUR,
        failed_at_ms: now_ms - (i64::from(i) + 1) * 37 * MINUTE,
        attempts: 1 + i % 3,
        evidence: vec![
            format!("{:032x}", 0x3a5e + i),
            format!("{:032x}", 0xbeef + i),
        ],
        facts: facts(&[
            ("class", "teller"),
            (
                "ring",
                if i.is_multiple_of(12) {
                    "ring1"
                } else {
                    "ring2"
                },
            ),
            ("branch", &branch),
            ("image", "img-teller-2022b"),
            ("model", "M720q"),
            ("ubr", "3770"),
        ]),
    }
}

fn damaged(file: &str, assembly: &str) -> DamagedFile {
    DamagedFile {
        arch: "amd64".to_owned(),
        assembly: assembly.to_owned(),
        file: file.to_owned(),
        component_version: "10.0.17763.3770".to_owned(),
        hash_expected: "q0mRr4yO6c7Zk0dJtY5o2v9m3sXbL1hPwE8aUfGnTiQ=".to_owned(),
    }
}

fn step(en: &str, zh: &str, command: &str) -> RemedyStep {
    RemedyStep {
        en: en.to_owned(),
        zh: zh.to_owned(),
        command: command.to_owned(),
    }
}

fn remedy() -> Remedy {
    let source = |tier: u8, name: &str, path: &str, serves: u64| RepairSource {
        tier,
        name: name.to_owned(),
        path: path.to_owned(),
        build: "17763.3770".to_owned(),
        why: Said {
            en: "holds the version named in the records".to_owned(),
            zh: "存有记录所指明的版本".to_owned(),
        },
        serves,
    };
    Remedy {
        class: "component_store".to_owned(),
        steps: vec![
            step(
                "Restart the device if a reboot is pending.",
                "若有等待中的重启，请先重启设备。",
                "shutdown /r /t 0",
            ),
            step(
                "Check that the source holds the file that is needed.",
                "检查修复源中的文件是否正确。",
                "certutil -hashfile \\\\depot01\\win\\17763.3770\\WinSxS\\amd64_microsoft-windows-printing\\localspl.dll SHA256",
            ),
            step(
                "Repair the component store from the depot.",
                "从存储库修复组件存储。",
                "Dism /Online /Cleanup-Image /RestoreHealth /Source:\\\\depot01\\win\\17763.3770\\WinSxS /LimitAccess",
            ),
            step(
                "Install the newest cumulative update.",
                "安装最新的累积更新。",
                "",
            ),
            step(
                "Restart and verify the build.",
                "重启并核实版本。",
                "reg query \"HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\" /v UBR",
            ),
        ],
        sources: vec![
            source(1, "depot01", "\\\\depot01\\win\\17763.3770\\WinSxS", 47),
            source(2, "tlr-0502-01", "\\\\tlr-0502-01\\c$\\Windows\\WinSxS", 31),
            source(3, "pc-0033-07", "\\\\pc-0033-07\\c$\\Windows\\WinSxS", 12),
        ],
        peers_allowed: true,
        reference: "learn.microsoft.com, fix Windows Update corruptions".to_owned(),
    }
}

fn cure(now_ms: i64) -> Cure {
    let share = |devices, healed, value, (low, high)| HealRate {
        devices,
        healed,
        value,
        low,
        high,
    };
    Cure {
        what: "restore_health".to_owned(),
        devices: 9,
        waiting: 2,
        after: share(7, 6.0, 0.857, (0.487, 0.974)),
        untreated: Some(share(38, 4.0, 0.105, (0.042, 0.241))),
        evidence: vec![CureEvidence {
            device_id: "tlr-0088-02".to_owned(),
            at_ms: now_ms - 5 * HOUR,
            outcome: "succeeded".to_owned(),
            evidence: vec!["00".repeat(16)],
        }],
    }
}

pub(super) fn open_cluster(now_ms: i64) -> Cluster {
    let growth = (0..=38)
        .map(|i| Point {
            at_ms: now_ms - (40 - i) * HOUR,
            tried: 30,
            failed: u64::from(i % 9 != 0) + u64::from(i % 4 == 1),
        })
        .collect();
    Cluster {
        id: CLUSTER.to_owned(),
        kb: KB.to_owned(),
        hresult: "0x800f0985".to_owned(),
        symbol: "PSFX_E_APPLY_REVERSE_DELTA_FAILED".to_owned(),
        phase: "install".to_owned(),
        life: Life::Growing,
        since_ms: now_ms - 40 * HOUR,
        called_at_ms: now_ms - 36 * HOUR,
        last_failure_at_ms: now_ms - 37 * MINUTE,
        failed: 47,
        ever_failed: 49,
        healed: 2,
        tried: 1312,
        usual_rate: Some(0.002),
        p_value: Some(3.2e-41),
        outside: String::new(),
        devices: (0..47).map(|i| member(now_ms, i)).collect(),
        damage: vec![
            DamageGroup {
                fingerprint: "9c41e07b".to_owned(),
                files: vec![
                    damaged("localspl.dll", "microsoft-windows-printing-localspl"),
                    damaged("win32spl.dll", "microsoft-windows-printing-win32spl"),
                ],
                devices: 46,
            },
            DamageGroup {
                fingerprint: "17aa02d4".to_owned(),
                files: vec![damaged("wcp.dll", "microsoft-windows-servicingstack")],
                devices: 1,
            },
        ],
        causes: vec![CauseCandidate {
            facts: facts(&[("image", "img-teller-2022b")]),
            inseparable: vec![facts(&[("driver_storage", "iaStorAC 17.9.1")])],
            failed: 46,
            total: 51,
            failed_outside: 1,
            total_outside: 1261,
            risk_ratio: 1137.4,
            interval: (160.2, 8075.9),
        }],
        exonerated: vec![Exonerated {
            facts: facts(&[
                ("security_product", "AcmeGuard"),
                ("security_version", "12.1"),
            ]),
            crude_risk_ratio: 3.4,
            adjusted_risk_ratio: 1.02,
            within: vec!["ring".to_owned(), "image".to_owned()],
            counter_examples: 297,
            examples: vec![
                "pc-0012-01".to_owned(),
                "pc-0012-04".to_owned(),
                "tlr-0088-02".to_owned(),
            ],
        }],
        remedy: remedy(),
        cures: vec![cure(now_ms)],
        series: growth,
        waiting: Some(Waiting {
            facts: facts(&[("image", "img-teller-2022b")]),
            devices: 312,
            of: 363,
            listed: true,
        }),
    }
}

pub(super) fn closed_cluster(now_ms: i64) -> Cluster {
    Cluster {
        id: "KB5021237-80073712-02aa".to_owned(),
        kb: "KB5021237".to_owned(),
        hresult: "0x80073712".to_owned(),
        symbol: "ERROR_SXS_COMPONENT_STORE_CORRUPT".to_owned(),
        phase: "install".to_owned(),
        life: Life::Closed,
        since_ms: now_ms - 30 * DAY,
        called_at_ms: now_ms - 29 * DAY,
        last_failure_at_ms: now_ms - 20 * DAY,
        ever_failed: 17,
        healed: 17,
        tried: 1989,
        usual_rate: Some(0.0004),
        p_value: Some(0.000_02),
        outside: String::new(),
        ..Cluster::default()
    }
}
