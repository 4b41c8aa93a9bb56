//! The list of installed updates and the facts of a device.

use kbwatch_proto::words::{EventResult, SourceKind};

use super::clock::Clock;
use crate::plan::{DAY_MS, DevicePlan, Fate, family};
use crate::story::Expected;

/// Widths of the list's columns, header included.
const COLUMNS: [(&str, usize); 5] = [
    ("Caption", 44),
    ("Description", 17),
    ("HotFixID", 11),
    ("InstalledBy", 21),
    ("InstalledOn", 13),
];

/// Updates on the device at `at_ms`, in a plan of `now_ms`, with the day they came: a newer cumulative
/// update takes the place of the older one.
fn installed(device: &DevicePlan, now_ms: i64, at_ms: i64) -> Vec<(String, i64)> {
    let mut list = vec![
        ("KB5005112".to_owned(), now_ms - 480 * DAY_MS),
        ("KB5020866".to_owned(), now_ms - 61 * DAY_MS),
    ];
    let newest = device
        .attempts
        .iter()
        .filter(|attempt| attempt.fate == Fate::Succeeded && attempt.ended_at_ms <= at_ms)
        .max_by_key(|attempt| attempt.kb.ubr);
    let cumulative = newest.map(|attempt| (attempt.kb.number, attempt.ended_at_ms));
    let base = family(device.build).map_or("KB5019964", |family| family.base_kb);
    let (kb, on) = cumulative.unwrap_or((base, now_ms - 63 * DAY_MS));
    list.push((kb.to_owned(), on));
    list
}

/// `wmic qfe list`: UTF-16LE with a mark, columns padded to fixed widths.
pub(super) fn qfe(device: &DevicePlan, now_ms: i64, at_ms: i64) -> Vec<u8> {
    let clock = Clock::of(device);
    let mut text = String::from("\u{feff}");
    let mut row = |cells: [&str; 5]| {
        for (cell, (_, width)) in cells.iter().zip(COLUMNS) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.len())));
        }
        text.push_str("\r\n");
    };
    row(COLUMNS.map(|(name, _)| name));
    for (kb, on) in installed(device, now_ms, at_ms) {
        let (year, month, day) = clock.date(on);
        let date = if device.language == "zh-CN" {
            format!("{year}/{month}/{day}")
        } else {
            format!("{month}/{day}/{year}")
        };
        let link = format!("http://support.microsoft.com/?kbid={}", &kb[2..]);
        row([&link, "Security Update", &kb, r"NT AUTHORITY\SYSTEM", &date]);
    }
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// What must be read out of the list as it stands now and out of every later
/// version of it: one statement per update.
pub(super) fn expected(device: &DevicePlan, now_ms: i64) -> Vec<Expected> {
    let ends = device
        .attempts
        .iter()
        .filter(|attempt| attempt.ended_at_ms > now_ms && attempt.fate == Fate::Succeeded)
        .map(|attempt| attempt.ended_at_ms);
    let mut kbs: Vec<String> = std::iter::once(now_ms)
        .chain(ends)
        .flat_map(|at_ms| installed(device, now_ms, at_ms))
        .map(|(kb, _)| kb)
        .collect();
    kbs.sort();
    kbs.dedup();
    kbs.into_iter()
        .map(|kb| Expected {
            source: SourceKind::InstalledUpdates,
            result: EventResult::Installed,
            kb,
            hresult: None,
            file: String::new(),
        })
        .collect()
}

/// The facts at `at_ms`, as the collector reads them.
pub(super) fn facts(device: &DevicePlan, at_ms: i64) -> Vec<u8> {
    let pairs: [(&str, String); 17] = [
        ("hostname", device.hostname.clone()),
        ("class", device.class.as_str().to_owned()),
        ("ring", format!("ring{}", device.ring)),
        ("branch", device.branch.clone()),
        ("province", device.province.to_owned()),
        ("image", device.image.to_owned()),
        ("model", device.model.to_owned()),
        ("edition", "EnterpriseS".to_owned()),
        ("arch", "amd64".to_owned()),
        ("language", device.language.to_owned()),
        ("os_build", device.build.to_string()),
        ("ubr", device.ubr_at(at_ms).to_string()),
        ("security_product", device.security.0.to_owned()),
        ("security_version", device.security.1.to_owned()),
        ("wsus", device.wsus.to_owned()),
        ("free_disk_gb", device.free_disk_gb.to_string()),
        ("driver_storage", device.driver_storage.to_owned()),
    ];
    let mut facts = serde_json::Map::new();
    for (name, value) in pairs {
        facts.insert(name.to_owned(), value.into());
    }
    let pending = device.pending_reboot_at(at_ms).to_string();
    facts.insert("pending_reboot".to_owned(), pending.into());
    serde_json::Value::Object(facts).to_string().into_bytes()
}
