//! The .exe that is killed while its log grows and rotates.

use super::servicing_log::{ServicingLog, session};
use super::world::World;
use crate::wine::Wine;

/// Sessions in the log, each of which gives events.
const SESSIONS: usize = 240;

/// Kills of the collector while the log grows.
const KILLS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exe_reports_every_event_once_through_kills_and_rotations() {
    let Some(wine) = tokio::task::block_in_place(Wine::start) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(folder.path(), &wine, "history_days = 36500").await;
    let mut log = ServicingLog::new(&wine);
    let mut collector = wine.start_collector();
    for number in 0..SESSIONS {
        log.append(&session(number));
        if number % (SESSIONS / KILLS) != SESSIONS / KILLS / 2 {
            continue;
        }
        // It is at work and not done when it dies.
        world.stores(log.expected().len() / 2).await;
        assert!(collector.is_alive());
        let round = number / (SESSIONS / KILLS);
        if round % 3 == 1 {
            tokio::task::block_in_place(|| log.rotate_within(&wine));
        }
        drop(collector);
        if round % 3 == 2 {
            // While it is down, and more than once.
            log.rotate();
            log.append(&session(SESSIONS + number));
            log.rotate();
        }
        collector = wine.start_collector();
    }
    let expected = log.expected();
    assert!(expected.len() >= SESSIONS, "{}", expected.len());
    world.stores(expected.len()).await;
    assert_eq!(world.stored().await, expected);
    assert!(collector.is_alive());
    // A collector that died leaves nothing that keeps the river from stopping.
    drop(collector);
    assert_eq!(world.river.stop(), Some(0));
}
