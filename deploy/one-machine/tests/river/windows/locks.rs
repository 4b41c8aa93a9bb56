//! A log that another program opened for itself alone.

use super::servicing_log::{ServicingLog, session};
use super::world::World;
use crate::wine::Wine;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_another_program_holds_is_read_once_it_lets_go() {
    let Some(wine) = tokio::task::block_in_place(Wine::start) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(folder.path(), &wine, "history_days = 36500").await;
    let mut log = ServicingLog::new(&wine);
    log.append(&session(0));
    let mut collector = wine.start_collector();
    let first = log.expected();
    world.stores(first.len()).await;

    let holder = tokio::task::block_in_place(|| wine.hold(r"C:\Windows\Logs\CBS\CBS.log"));
    log.append(&session(1));
    let both = log.expected();
    // It is held under its new name too, and keeps no other log from being read.
    log.rotate();
    log.append(&session(2));
    let all = log.expected();
    world.stores(all.len() - (both.len() - first.len())).await;
    let held: Vec<_> = both.difference(&first).collect();
    let stored = world.stored().await;
    assert!(!held.is_empty() && held.iter().all(|id| !stored.contains(*id)));

    drop(holder);
    world.stores(all.len()).await;
    assert_eq!(world.stored().await, all);
    assert!(collector.is_alive());
    drop(collector);
    assert_eq!(world.river.stop(), Some(0));
}
