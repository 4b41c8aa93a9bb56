//! What a collector costs a machine on which nothing happens: memory, CPU,
//! file handles and writes over a minute, and the size of its program.
//!
//! The rival is an idle rsyslogd where one is installed, else the limit itself.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::report::{Pair, Report};
use crate::{Failure, cpu};

use super::gateway::Acknowledging;
use super::process::{CollectorProcess, program, status_kib};
use super::{day, log, number};

/// How long it is watched.
const WATCHED: Duration = Duration::from_mins(1);

/// Time to read what is there and to come to rest.
const SETTLING: Duration = Duration::from_secs(5);

const RSS_FLOOR_MIB: f64 = 16.0;
const RSS_AIM_MIB: f64 = 8.0;
const CPU_FLOOR_PERCENT: f64 = 0.05;
const CPU_AIM_PERCENT: f64 = 0.01;

/// What was seen of an idle process.
struct Idle {
    rss_mib: f64,
    cpu_percent: f64,
    written_bytes: u64,
    handles: u64,
}

/// Measures over a minute, the rival at the same time.
pub(crate) fn measure(seed: u64) -> Result<Vec<Report>, Failure> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("CBS.log"), log::session(seed, 0))?;
    let gateway = Acknowledging::start()?;
    let ours = CollectorProcess::start(folder.path(), gateway.port(), &[])?;
    let mut rival = start_rsyslogd(folder.path());
    std::thread::sleep(SETTLING);
    let pids: Vec<u32> = std::iter::once(ours.id())
        .chain(rival.as_ref().map(Child::id))
        .collect();
    let idle = watch(&pids)?;
    if let Some(rival) = &mut rival {
        rival.kill()?;
        rival.wait()?;
    }
    let day = day::ordinary(folder.path(), seed)?;
    let mut memory = limit(
        "idle RSS",
        &idle,
        |idle| idle.rss_mib,
        (RSS_FLOOR_MIB, RSS_AIM_MIB),
    );
    memory.figures = vec![
        (
            "program, MB".to_owned(),
            number(fs::metadata(program()?)?.len()) / 1e6,
        ),
        (
            "bytes written to disk in a minute".to_owned(),
            number(idle[0].written_bytes),
        ),
        ("file handles".to_owned(), number(idle[0].handles)),
        ("a day: lines read".to_owned(), number(day.lines)),
        ("a day: CPU seconds".to_owned(), day.cpu_s),
        ("a day: bytes sent".to_owned(), number(day.sent_bytes)),
        (
            "a day: bytes written to disk".to_owned(),
            number(day.disk_bytes),
        ),
        ("bytes sent at start".to_owned(), number(gateway.taken().1)),
    ];
    let cpu = limit(
        "idle CPU",
        &idle,
        |idle| idle.cpu_percent,
        (CPU_FLOOR_PERCENT, CPU_AIM_PERCENT),
    );
    Ok(vec![memory, cpu])
}

/// Ours against a limit that is absolute; the rival stands beside.
fn limit(case: &str, seen: &[Idle], of: impl Fn(&Idle) -> f64, (floor, aim): (f64, f64)) -> Report {
    let ours = of(&seen[0]);
    let unit = if case == "idle CPU" { "percent" } else { "MiB" };
    let pair = Pair {
        ours,
        // A rival that cannot be told from nothing would make no ratio.
        rival: seen.get(1).map_or(floor, &of).max(floor / 100.0),
        unit,
    };
    let mut report = Report::new(
        format!("{case} (limit {floor} {unit})"),
        vec![pair],
        floor,
        aim,
    );
    report.met_floor = ours <= floor;
    report.met_aim = ours <= aim;
    report
}

fn watch(pids: &[u32]) -> Result<Vec<Idle>, Failure> {
    let begin: Vec<(f64, u64)> = pids.iter().map(|pid| spent(*pid)).collect();
    std::thread::sleep(WATCHED);
    pids.iter()
        .zip(begin)
        .map(|(pid, (cpu_before, written_before))| {
            let (cpu, written) = spent(*pid);
            let rss = status_kib(*pid, "VmRSS:").ok_or("the process is gone")?;
            Ok(Idle {
                rss_mib: number(rss) / 1024.0,
                cpu_percent: (cpu - cpu_before) / WATCHED.as_secs_f64() * 100.0,
                written_bytes: written - written_before,
                handles: fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64,
            })
        })
        .collect()
}

/// CPU seconds, finely, and bytes given to the disk.
fn spent(pid: u32) -> (f64, u64) {
    (cpu::fine_seconds(pid), cpu::disk_bytes(pid))
}

/// An rsyslogd that has nothing to do, where one is installed.
fn start_rsyslogd(folder: &Path) -> Option<Child> {
    let config = folder.join("rsyslog.conf");
    let text = format!(
        "module(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" Socket=\"{}\")\n*.* {}\n",
        folder.join("socket").display(),
        folder.join("syslog").display(),
    );
    fs::write(&config, text).ok()?;
    Command::new("rsyslogd")
        .arg("-n")
        .arg("-f")
        .arg(config)
        .arg("-i")
        .arg(folder.join("rsyslog.pid"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}
