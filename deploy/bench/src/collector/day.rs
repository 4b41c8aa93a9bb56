//! A day in the life of an ordinary device: 20,000 lines in sessions spread
//! over 24 hours of a simulated clock, looked at every second of them.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use kbwatch_collector::{Collector, CollectorConfig, SourcesConfig};
use kbwatch_proto::telemetry::{Outcome, Receipt};

use crate::{Failure, cpu};

use super::log;

/// Sessions of a day; together they write some 20,000 lines.
const SESSIONS: u32 = 21;

const SECONDS_OF_A_DAY: u32 = 24 * 3_600;

/// 2026-06-01 00:00:00 UTC.
const START_MS: i64 = 1_780_272_000_000;

/// What the day cost.
pub(crate) struct Day {
    pub(crate) lines: u64,
    pub(crate) cpu_s: f64,
    pub(crate) sent_bytes: u64,
    pub(crate) disk_bytes: u64,
}

/// Lives through the day; the files lie in `folder`.
pub(crate) fn ordinary(folder: &Path, seed: u64) -> Result<Day, Failure> {
    let live = folder.join("day").join("CBS.log");
    std::fs::create_dir_all(folder.join("day"))?;
    let mut collector = Collector::open(CollectorConfig {
        gateway: "http://127.0.0.1:1".to_owned(),
        declared_device: Some(super::process::DEVICE.to_owned()),
        state_dir: folder.join("day-state"),
        sources: SourcesConfig {
            cbs_log: Some(live.clone()),
            ..SourcesConfig::none()
        },
        utc_offset_minutes: Some(0),
        history_days: 36_500,
        ..CollectorConfig::default()
    })?;
    let me = std::process::id();
    let (cpu_before, disk_before) = (cpu::fine_seconds(me), cpu::disk_bytes(me));
    let (mut appending_s, mut appended) = (0.0, 0);
    for second in 0..SECONDS_OF_A_DAY {
        if second % (SECONDS_OF_A_DAY / SESSIONS) == 0 {
            let begin = cpu::fine_seconds(me);
            let text = log::session(seed, second / (SECONDS_OF_A_DAY / SESSIONS));
            let mut file = OpenOptions::new().create(true).append(true).open(&live)?;
            file.write_all(text.as_bytes())?;
            appended += text.len() as u64;
            appending_s += cpu::fine_seconds(me) - begin;
        }
        live_a_second(&mut collector, START_MS + 1_000 * i64::from(second));
    }
    let counts = collector.counts();
    Ok(Day {
        lines: counts.lines,
        cpu_s: cpu::fine_seconds(me) - cpu_before - appending_s,
        sent_bytes: counts.sent_bytes,
        // What the log's own writer wrote is not the collector's.
        disk_bytes: (cpu::disk_bytes(me) - disk_before).saturating_sub(appended),
    })
}

fn live_a_second(collector: &mut Collector, now_ms: i64) {
    while collector.step(now_ms).more {}
    while let Some(batch) = collector.next_batch(now_ms) {
        collector.on_receipt(&Receipt {
            epoch: batch.epoch,
            batch_seq: batch.batch_seq,
            outcome: Outcome::Durable.into(),
            ..Receipt::default()
        });
    }
}
