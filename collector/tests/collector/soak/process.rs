//! The real process, killed without warning, against a real gateway endpoint
//! that loses receipts.

use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use fastrand::Rng;

use super::Verdict;
use crate::archives::pack_archive;
use crate::gateway::{Answer, TestGateway, until};
use crate::world::World;

fn start(world: &World) -> Child {
    Command::new(env!("CARGO_BIN_EXE_kbwatch-collector"))
        .args(["run", "--config"])
        .arg(world.path("collector.toml"))
        .env("RUST_LOG", "off")
        .spawn()
        .unwrap()
}

fn configure(world: &World, address: std::net::SocketAddr) {
    let text = format!(
        "gateway = \"http://{address}\"\ndeclared_device = \"pc-1\"\nstate_dir = {:?}\n\
         history_days = 36500\nstart_spread_ms = 0\npoll_ms = 10\nbatch_max_age_ms = 20\n\
         batch_max_events = 20\nbackoff_max_ms = 30\ncheckpoint_s = 0\n\
         [sources]\ncbs_log = {:?}\n",
        world.path("state"),
        world.path("CBS.log"),
    );
    fs::write(world.path("collector.toml"), text).unwrap();
}

/// Writes, rotates and packs while the process is started and killed.
pub(super) async fn live_through_kills(seed: u64, kills: u32) -> Verdict {
    let mut rng = Rng::with_seed(seed);
    let script = (0..kills * 4).map(|_| match rng.u32(0..5) {
        0 => Answer::LoseReceipt,
        1 => Answer::Retry,
        _ => Answer::Durable,
    });
    let gateway = TestGateway::answering(script.collect::<Vec<_>>());
    let serving = gateway.serve(None);
    let mut world = World::new();
    configure(&world, serving.address);
    for _ in 0..kills {
        let mut child = start(&world);
        for _ in 0..rng.u32(1..5) {
            world.append_records(rng.u32(1..40));
            // When the kill hits is what is being tried.
            tokio::time::sleep(Duration::from_millis(rng.u64(0..60))).await;
            match rng.u32(0..5) {
                0 => drop(world.rotate()),
                1 => {
                    if let Some(archive) = world.rotate() {
                        pack_archive(&archive);
                    }
                }
                _ => {}
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let expected = world.expected();
    let mut child = start(&world);
    until("every record arrives", || {
        gateway.notes().ids().is_superset(&expected)
    })
    .await;
    child.kill().unwrap();
    child.wait().unwrap();
    let notes = gateway.notes();
    let arrived = notes.ids();
    Verdict {
        upheavals: 0,
        process_kills: kills,
        written: expected.len(),
        arrived: arrived.intersection(&expected).count(),
        missing: expected.difference(&arrived).count(),
        foreign: arrived.difference(&expected).count(),
        destroyed: 0,
        repeats: notes.events.len() - arrived.len(),
        spooled: 0,
    }
}
