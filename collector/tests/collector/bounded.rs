//! Files of any size, read in little memory.
#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::gateway::TestGateway;
use crate::import::{desk, import_command};

const MIB: u64 = 1024 * 1024;

/// Most memory that reading a file may take.
const LIMIT: u64 = 24 * MIB;

/// Writes a log of `count` failing packages, each among records of no news.
/// Held all at once, they would take far more than the limit.
fn write_big_log(path: &Path, count: u32) {
    let mut text = String::new();
    for n in 0..count {
        let (hour, minute, second) = (n / 3_600 % 24, n / 60 % 60, n % 60);
        let head =
            format!("2023-01-11 {hour:02}:{minute:02}:{second:02}, Info                  CBS    ");
        write!(
            text,
            "{head}Exec: Processing complete.  Session: 31007000_{n}, Package: \
             Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.3887.1.{n}, Identifier: KB5022286 \
             [HRESULT = 0x800f0985 - PSFX_E_APPLY_REVERSE_DELTA_FAILED]\r\n\
             {head}Nothing else to tell of {n}\r\n"
        )
        .unwrap();
    }
    fs::write(path, text).unwrap();
}

/// Most memory that a process has taken so far, in bytes.
fn peak(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

#[test]
fn parse_prints_a_file_that_says_more_than_memory_may_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("CBS.log");
    write_big_log(&path, 60_000);
    for (format, lines) in [("jsonl", 60_000), ("text", 60_002)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kbwatch-collector"))
            .args(["parse", "--format", format])
            .arg(&path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut read, mut most) = (0, 0);
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            line.unwrap();
            read += 1;
            // It cannot end while the pipe holds what it prints.
            if read % 10_000 == 0 || read == 59_000 {
                most = most.max(peak(&child).unwrap_or(0));
            }
        }
        assert!(child.wait().unwrap().success());
        assert_eq!(read, lines);
        assert!(most > MIB, "looked too late");
        assert!(most <= LIMIT, "{format}: {} MiB", most / MIB);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn import_sends_a_log_that_says_more_than_memory_may_hold() {
    let gateway = TestGateway::default();
    let (world, _serving, config) = desk(&gateway);
    let path = world.path("CBS.log");
    write_big_log(&path, 30_000);
    let mut child = import_command(&world, &config, &path).spawn().unwrap();
    let mut most = 0;
    let status = loop {
        most = most.max(peak(&child).unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        tokio::task::yield_now().await;
    };
    assert!(status.success());
    assert!(most > MIB && most <= LIMIT, "{} MiB", most / MIB);
    assert_eq!(gateway.notes().ids().len(), 30_000);
}
