//! How `kbwatch up` starts, stops and dies.

use kbwatch_clickhouse_engine::testing;

use crate::harness::{Plan, eventually, runs, signal};

#[test]
fn a_stopped_river_exits_0_leaves_no_process_and_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(&folder.path().join("data"));
    for _ in 0..2 {
        let river = plan.start();
        let engine = river.engine().unwrap();
        assert_eq!(river.stop(), Some(0));
        assert!(!runs(engine));
    }
}

#[test]
fn a_killed_river_leaves_no_orphan() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(&folder.path().join("data"));
    let river = plan.start();
    let engine = river.engine().unwrap();
    river.kill();
    eventually("the engine follows its parent", || !runs(engine));
    // And the folder is free again.
    assert_eq!(plan.start().stop(), Some(0));
}

#[test]
fn a_killed_engine_is_started_again_under_the_same_river() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(&folder.path().join("data"));
    let river = plan.start();
    for _ in 0..3 {
        let engine = river.engine().unwrap();
        signal(engine, "KILL");
        eventually("another engine runs", || {
            river.engine().is_some_and(|pid| pid != engine)
        });
    }
    assert_eq!(river.stop(), Some(0));
}

#[test]
fn a_folder_in_use_ends_with_73_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let _river = Plan::new(&data).start();
    let (status, said) = Plan::new(&data).run();
    assert_eq!(status.code(), Some(73), "{said}");
    assert!(said.contains("in use by another process"), "{said}");
    assert!(said.contains("name another folder"), "{said}");
}

#[test]
fn a_folder_that_is_not_writable_ends_with_73() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (status, said) = Plan::new(file.path()).run();
    assert_eq!(status.code(), Some(73), "{said}");
    assert!(said.contains("is not writable"), "{said}");
}

#[test]
fn a_folder_of_another_layout_ends_with_73_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("layout"), "kbwatch data 99\n").unwrap();
    let (status, said) = Plan::new(folder.path()).run();
    assert_eq!(status.code(), Some(73), "{said}");
    assert!(said.contains("kbwatch data 99"), "{said}");
    assert!(!folder.path().join("certificates").exists());
}

#[test]
fn impossible_settings_end_with_64_key_value_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kbwatch.toml");
    for (text, words) in [
        ("[store]\ngroup_row = 1\n", ["group_row", "unknown field"]),
        (
            "[store]\ngroup_rows = 0\n",
            ["store.group_rows = 0", "at least 1"],
        ),
        (
            "[analyzer]\nlisten = \"127.0.0.1:1\"\n",
            ["analyzer.listen", "remove it"],
        ),
        (
            "[clickhouse]\nurl = \"db:9000\"\n",
            ["clickhouse.url", "http://"],
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let mut plan = Plan::new(&folder.path().join("data"));
        plan.arguments = vec!["--config".to_owned(), file.display().to_string()];
        let (status, said) = plan.run();
        assert_eq!(status.code(), Some(64), "{said}");
        for word in words {
            assert!(said.contains(word), "{word} is not in: {said}");
        }
        assert!(!folder.path().join("data").exists(), "{text}");
    }
}

#[test]
fn an_address_in_use_ends_with_2_and_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut plan = Plan::new(&folder.path().join("data"));
    plan.http = taken.local_addr().unwrap().port();
    let (status, said) = plan.run();
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains(&plan.http.to_string()), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_exists_is_used_instead_of_a_child() {
    let engine = testing::engine().await;
    let there = engine.connection();
    let host = there.url.trim_start_matches("http://");
    let folder = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(&folder.path().join("data"));
    plan.arguments = vec![
        "--clickhouse".to_owned(),
        format!(
            "http://{}:{}@{host}/{}",
            there.user, there.password, there.database
        ),
    ];
    let river = tokio::task::block_in_place(|| plan.start());
    assert_eq!(river.engine(), None);
    assert_eq!(river.stop(), Some(0));
    let tables: u64 = engine
        .client()
        .query("SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'update_events'")
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(tables, 1);
}
