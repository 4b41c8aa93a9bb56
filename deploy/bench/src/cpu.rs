//! CPU seconds of processes, from `/proc` (proc(5)).

use std::fs;

/// Clock ticks per second of `/proc/PID/stat`; 100 on every Linux since 2.6.
const TICKS: f64 = 100.0;

/// CPU seconds, user and system, that a process and its waited-for children
/// have used; 0 once it is gone.
pub(crate) fn seconds(pid: u32) -> f64 {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return 0.0;
    };
    // The name in brackets may hold blanks; fields count from behind it.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u32 = after
        .split_ascii_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse::<u32>().ok())
        .sum();
    f64::from(ticks) / TICKS
}

/// CPU seconds of all threads of a process, to the nanosecond
/// (`/proc/PID/task/TID/schedstat`); 0 once it is gone.
pub(crate) fn fine_seconds(pid: u32) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let nanoseconds: u64 = tasks
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split_ascii_whitespace().next()?.parse::<u64>().ok())
        .sum();
    std::time::Duration::from_nanos(nanoseconds).as_secs_f64()
}

/// Bytes that a process had the kernel write to disks; 0 once it is gone.
pub(crate) fn disk_bytes(pid: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let written = io
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes:"));
    written
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

/// CPU seconds of children that this process has waited for.
pub(crate) fn waited_for() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u32 = after
        .split_ascii_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|field| field.parse::<u32>().ok())
        .sum();
    f64::from(ticks) / TICKS
}

/// CPU seconds of this process.
pub(crate) fn own() -> f64 {
    seconds(std::process::id())
}

/// Name of the processor.
pub(crate) fn model() -> String {
    fs::read_to_string("/proc/cpuinfo")
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned())
        .unwrap_or_default()
}

/// Largest resident size that this process has had, MiB.
pub(crate) fn peak_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line
        .and_then(|rest| rest.split_ascii_whitespace().next())
        .and_then(|number| number.parse::<u32>().ok());
    kib.map_or(f64::MAX, |kib| f64::from(kib) / 1024.0)
}
