//! Pictures to look at: a rich fleet, one that writes hostile text wherever it
//! can, one where nothing fails, one without devices.

use std::collections::BTreeMap;

use kbwatch_analyzer::view::{
    BuildLines, CodeCount, Fleet, KbStatus, LineCount, NewCode, Outcomes, Point, Rate, Readiness,
    RolloutRows, RolloutStatus, SilentDevice, Slice, SourceHealth, UnreadableDevice, UnreadableLog,
    View,
};

mod cluster;
mod device;
mod hostile;
mod plan;

pub(crate) use device::timeline;
pub(crate) use hostile::hostile;

use cluster::{closed_cluster, open_cluster};

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// The failing KB of the samples.
pub(crate) const KB: &str = "KB5022286";

/// Id of the open cluster of the rich sample.
pub(crate) const CLUSTER: &str = "KB5022286-800f0985-7d1f";

/// A device of that cluster.
pub(crate) const DEVICE: &str = "tlr-0417-03";

pub(crate) fn facts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

pub(crate) fn rate(failed: u64, tried: u64) -> Rate {
    let (k, n, z) = (failed as f64, tried.max(1) as f64, 1.96_f64);
    let centre = (k / n + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (k / n * (1.0 - k / n) / n + z * z / (4.0 * n * n)).sqrt();
    Rate {
        failed,
        tried,
        value: k / n,
        low: (centre - half).max(0.0),
        high: (centre + half).min(1.0),
    }
}

fn outcomes(succeeded: u64, failed: u64, pending: u64) -> Outcomes {
    Outcomes {
        succeeded,
        failed,
        pending,
        cancelled: pending / 30,
        unknown: pending / 4,
        gone_silent: pending / 16,
        healed: succeeded / 60,
    }
}

/// Hourly points over `hours` up to now, most of them by night.
fn series(now_ms: i64, hours: i64, tried_per_night_hour: u64, failed_every: u64) -> Vec<Point> {
    let begin = now_ms - now_ms.rem_euclid(HOUR) - hours * HOUR;
    (0..=hours)
        .map(|i| {
            let at_ms = begin + i * HOUR;
            let hour_of_day = (at_ms / HOUR).rem_euclid(24);
            let busy = if (12..20).contains(&hour_of_day) {
                4
            } else {
                1
            };
            let tried = tried_per_night_hour * busy / 4 + (i.unsigned_abs() * 7) % 5;
            Point {
                at_ms,
                tried,
                failed: tried / failed_every + u64::from(i.unsigned_abs() % failed_every == 3),
            }
        })
        .collect()
}

fn slice(name: &str, succeeded: u64, failed: u64, pending: u64) -> Slice {
    Slice {
        name: name.to_owned(),
        outcomes: outcomes(succeeded, failed, pending),
        rate: rate(failed, succeeded + failed),
    }
}

fn code(hresult: &str, symbol: &str, devices: u64) -> CodeCount {
    CodeCount {
        hresult: hresult.to_owned(),
        symbol: symbol.to_owned(),
        devices,
    }
}

fn failing_kb(now_ms: i64) -> KbStatus {
    KbStatus {
        kb: KB.to_owned(),
        title: "2023-01 Cumulative Update for Windows 10 Version 1809 for x64-based Systems (KB5022286)".to_owned(),
        build: "17763.3887".to_owned(),
        outcomes: outcomes(1251, 61, 96),
        rate: rate(61, 1312),
        usual_rate: Some(0.019),
        first_attempt_at_ms: now_ms - 52 * HOUR,
        last_attempt_at_ms: now_ms - 3 * MINUTE,
        codes: vec![
            code("0x800f0985", "PSFX_E_APPLY_REVERSE_DELTA_FAILED", 47),
            code("0x800f0922", "CBS_E_INSTALLERS_FAILED", 6),
            code("0x80070070", "ERROR_DISK_FULL", 5),
            code("0x8024200b", "WU_E_UH_INSTALLERFAILURE", 2),
            code("0x80ff0001", "", 1),
        ],
        series: series(now_ms, 52, 48, 19),
        by_ring: vec![
            slice("ring0", 58, 0, 2),
            slice("ring1", 301, 4, 11),
            slice("ring2", 892, 57, 83),
            slice("ring3", 0, 0, 0),
        ],
        by_class: vec![
            slice("teller", 402, 55, 40),
            slice("pc", 777, 6, 52),
            slice("atm", 61, 0, 4),
            slice("kiosk", 11, 0, 0),
        ],
        clusters: vec![CLUSTER.to_owned()],
    }
}

fn fine_kb(now_ms: i64) -> KbStatus {
    KbStatus {
        kb: "KB5021237".to_owned(),
        title: "2022-12 Cumulative Update for Windows 10 Version 1809".to_owned(),
        build: "17763.3770".to_owned(),
        outcomes: outcomes(1951, 38, 3),
        rate: rate(38, 1989),
        usual_rate: Some(0.021),
        first_attempt_at_ms: now_ms - 31 * DAY,
        last_attempt_at_ms: now_ms - 2 * DAY,
        codes: vec![
            code("0x800f0922", "CBS_E_INSTALLERS_FAILED", 21),
            code("0x80073712", "ERROR_SXS_COMPONENT_STORE_CORRUPT", 17),
        ],
        series: series(now_ms - 2 * DAY, 29 * 24, 3, 51),
        by_ring: vec![slice("ring0", 60, 1, 0), slice("ring2", 1891, 37, 3)],
        by_class: vec![slice("pc", 1500, 30, 2), slice("teller", 451, 8, 1)],
        clusters: vec!["KB5021237-80073712-02aa".to_owned()],
    }
}

fn rows(of: u64) -> RolloutRows {
    RolloutRows {
        compliant: of * 62 / 100,
        failed: of * 3 / 100,
        pending_reboot: of * 5 / 100,
        in_progress: of / 50,
        not_offered: of * 14 / 100,
        not_applicable: of / 100,
        excluded: of / 200,
        excused: 1,
        waiting_window: of / 20,
        silent: of * 3 / 100,
        no_collector: of
            - of * 62 / 100
            - of * 3 / 100 * 2
            - of * 5 / 100
            - of / 50
            - of * 14 / 100
            - of / 100
            - of / 200
            - of / 20
            - 1,
    }
}

fn rollout(now_ms: i64) -> RolloutStatus {
    RolloutStatus {
        name: "2023-01 production".to_owned(),
        release: "2023-01".to_owned(),
        kbs: facts(&[("17763", KB), ("19044", "KB5022282")]),
        targets: 2000,
        rows: rows(2000),
        rings: vec![
            ("ring0".to_owned(), rows(60)),
            ("ring1".to_owned(), rows(340)),
            ("ring2".to_owned(), rows(1200)),
            ("ring3".to_owned(), rows(400)),
        ],
        rate: rate(61, 1312),
        progress: (0..=52)
            .map(|i| {
                (
                    now_ms - (52 - i) * HOUR,
                    (i * i * 1240 / 2704).unsigned_abs(),
                )
            })
            .collect(),
        verdicts: plan::verdicts(now_ms),
        exceptions: plan::exceptions(now_ms),
        forecast: plan::forecast(now_ms),
    }
}

fn silent(device_id: &str, last_heard_ms: i64, open_kb: &str, why: &str) -> SilentDevice {
    SilentDevice {
        device_id: device_id.to_owned(),
        last_heard_ms,
        open_kb: open_kb.to_owned(),
        why: why.to_owned(),
    }
}

/// A fleet in which one KB fails on one image, as the demo plants it.
pub(crate) fn rich(now_ms: i64) -> View {
    let mut silence = vec![
        silent("atm-0210-01", now_ms - 9 * HOUR, KB, "dark_in_reboot"),
        silent("tlr-0099-02", now_ms - 7 * HOUR, KB, "dark_in_reboot"),
        silent("kiosk-0007-01", now_ms - 12 * DAY, "", "off"),
    ];
    silence.extend((1..=9).map(|i| {
        silent(
            &format!("pc-0310-{i:02}"),
            now_ms - 26 * HOUR,
            "",
            "link_down",
        )
    }));
    silence.push(silent("pc-0402-11", now_ms - 3 * DAY, "", "unknown"));
    View {
        cycle: 1_284,
        made_at_ms: now_ms - 2_000,
        took_ms: 41,
        data_at_ms: now_ms - 4_000,
        fleet: Fleet {
            devices: 2_000,
            present: 1_987,
            silent: silence.len() as u64,
            last_heard_ms: now_ms - 1_000,
            events: 184_233,
            by_class: [("pc", 1290), ("teller", 520), ("atm", 150), ("kiosk", 40)]
                .map(|(class, n)| (class.to_owned(), n))
                .into(),
        },
        kbs: vec![failing_kb(now_ms), fine_kb(now_ms)],
        clusters: vec![open_cluster(now_ms), closed_cluster(now_ms)],
        rollouts: vec![rollout(now_ms)],
        windows: plan::windows(now_ms),
        readiness: plan::readiness(now_ms),
        new_codes: vec![NewCode {
            hresult: "0x800f0985".to_owned(),
            symbol: "PSFX_E_APPLY_REVERSE_DELTA_FAILED".to_owned(),
            kbs: vec![KB.to_owned()],
            first_seen_ms: now_ms - 40 * HOUR,
            devices: 47,
        }],
        silent: silence,
        sources: vec![
            source(
                "cbs",
                &[("17763.3770", 1_812_000), ("17763.3887", 641_200)],
                "",
            ),
            source(
                "event_log",
                &[("17763.3770", 91_300), ("19044.2486", 4_100)],
                "19044.2486",
            ),
        ],
        unreadable: vec![UnreadableLog {
            source: "cbs".to_owned(),
            reason: "denied".to_owned(),
            devices: 310,
            some: vec![UnreadableDevice {
                device_id: "pc-000017".to_owned(),
                since_ms: 1_673_420_400_000,
                last_heard_ms: 1_673_427_600_000,
                logs: 1,
            }],
        }],
        devices_unreadable: 310,
    }
}

/// A log on some builds, one of them writing what nobody understands.
fn source(name: &str, builds: &[(&str, u64)], strange: &str) -> SourceHealth {
    let count = |lines: u64, unknown_lines: u64| LineCount {
        lines,
        unknown_lines,
        codes: lines / 100,
        unknown_codes: lines / 9_000,
        ..LineCount::default()
    };
    let builds = builds.iter().map(|(os_build, lines)| {
        let strange = *os_build == strange;
        BuildLines {
            os_build: (*os_build).to_owned(),
            devices: lines / 900,
            count: count(
                *lines,
                if strange {
                    lines * 98 / 100
                } else {
                    lines * 81 / 100
                },
            ),
            last_heard_ms: 1_673_427_600_000,
            strange,
        }
    });
    let builds: Vec<BuildLines> = builds.collect();
    let all = builds.iter().map(|build| build.count.lines).sum();
    let unknown = builds.iter().map(|build| build.count.unknown_lines).sum();
    SourceHealth {
        source: name.to_owned(),
        fleet: count(all, unknown),
        builds,
    }
}

/// A fleet that updates and fails no more than usual.
pub(crate) fn quiet(now_ms: i64) -> View {
    let rich = rich(now_ms);
    View {
        kbs: vec![fine_kb(now_ms)],
        clusters: Vec::new(),
        rollouts: Vec::new(),
        windows: Vec::new(),
        readiness: Readiness {
            devices: 2_000,
            ready: 2_000,
            ..Readiness::default()
        },
        new_codes: Vec::new(),
        silent: Vec::new(),
        sources: Vec::new(),
        unreadable: Vec::new(),
        devices_unreadable: 0,
        fleet: Fleet {
            silent: 0,
            present: 2_000,
            ..rich.fleet
        },
        ..rich
    }
}

/// Devices that have told of no attempt.
pub(crate) fn no_attempt(now_ms: i64) -> View {
    View {
        kbs: Vec::new(),
        ..quiet(now_ms)
    }
}
