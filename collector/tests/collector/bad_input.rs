//! What no log should hold and no settings should say.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::Command;

use crate::world::{Notes, World};

/// As long as a line gets on a disk that lost its mind.
const LINE_LEN: usize = 200 * 1024 * 1024;

fn append_bytes(world: &World, bytes: &[u8]) {
    let mut log = OpenOptions::new()
        .append(true)
        .open(world.path("CBS.log"))
        .unwrap();
    log.write_all(bytes).unwrap();
}

#[test]
fn a_line_of_200_mb_and_binary_noise_are_cut_counted_and_cost_no_neighbour() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.append_records(1);
    append_bytes(&world, &vec![b'x'; LINE_LEN]);
    append_bytes(&world, b"\r\n");
    world.append_records(1);
    let mut dice = fastrand::Rng::with_seed(7);
    let noise: Vec<u8> = (0..1024 * 1024).map(|_| dice.u8(..)).collect();
    append_bytes(&world, &noise);
    append_bytes(&world, b"\r\n");
    world.append_records(1);
    // A look reads 256 KiB: some 800 of them.
    for _ in 0..2_000 {
        collector.step(world.now_ms);
        world.tick(50);
    }
    world.settle(&mut collector, &mut notes);
    let packages: Vec<&str> = notes
        .events
        .iter()
        .map(|event| event.package.rsplit('.').next().unwrap_or_default())
        .collect();
    assert_eq!(packages, ["1", "2", "3"]);
    assert_eq!(collector.counts().cut_lines, 1);

    world.tick(600_000);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.health.last().unwrap().skipped_lines, 1);
}

#[test]
fn an_unknown_key_ends_the_binary_with_64_and_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("collector.toml");
    let text = "gateway = \"http://127.0.0.1:1\"\nheartbeats = 5\n";
    fs::write(&config, text).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_kbwatch-collector"))
        .args(["run", "--once", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(64), "{said}");
    assert!(said.contains("heartbeats"), "{said}");
}
