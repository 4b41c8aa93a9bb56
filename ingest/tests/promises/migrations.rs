//! Tables are brought forward once, and never quietly left different.

use kbwatch_clickhouse_engine::testing::engine;
use kbwatch_clickhouse_migrations::assert_readable;
use kbwatch_ingest::migrate;
use kbwatch_ingest::migrate::{MigrateError, schema};

use crate::gateway::fresh_database;

#[tokio::test(flavor = "multi_thread")]
async fn migrating_again_or_from_two_places_at_once_changes_nothing() {
    let client = engine().await.client();
    let (first, second) = tokio::join!(migrate(&client), migrate(&client));
    first.unwrap();
    second.unwrap();
    migrate(&client).await.unwrap();
    let applied: u64 = client
        .query("SELECT count() FROM ingest_schema_migrations FINAL")
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(applied, 13);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_changed_after_it_was_applied_stops_the_start() {
    let client = fresh_database().await.client();
    client
        .query("INSERT INTO ingest_schema_migrations (name, checksum) VALUES ('0003_presence', 'other')")
        .execute()
        .await
        .unwrap();
    let refused = migrate(&client).await.unwrap_err();
    assert!(matches!(refused, MigrateError::Changed { ref name } if name == "0003_presence"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_newer_version_stop_the_start() {
    let client = fresh_database().await.client();
    client
        .query("INSERT INTO ingest_schema_migrations (name, checksum) VALUES ('9999_later', 'x')")
        .execute()
        .await
        .unwrap();
    let refused = migrate(&client).await.unwrap_err();
    assert!(refused.to_string().contains("newer version"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_go_after_90_days_and_parked_ones_after_400() {
    let client = fresh_database().await.client();
    for (id, kind, days) in [
        (1, "rows", 89),
        (2, "rows", 91),
        (3, "batch", 91),
        (4, "parked", 399),
        (5, "parked", 401),
    ] {
        let insert = "INSERT INTO dead_letters (letter_id, device_id, kind, stored_at)
             SELECT toString(?), 'pc-1', ?, now() - toIntervalDay(?)";
        let insert = client.query(insert).bind(id).bind(kind).bind(days);
        insert.execute().await.unwrap();
    }
    let merge = client.query("OPTIMIZE TABLE dead_letters FINAL");
    merge.execute().await.unwrap();
    let kept: String = client
        .query("SELECT arrayStringConcat(groupArray(kind), ' ') FROM (SELECT kind FROM dead_letters ORDER BY letter_id)")
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(kept, "rows parked");
}

#[tokio::test(flavor = "multi_thread")]
async fn clickhouse_can_read_every_statement_that_is_written_for_a_cluster() {
    let client = engine().await.client();
    assert_readable(&client, &schema("")).await;
    assert_readable(&client, &schema("bank")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_names_what_is_missing_and_changes_nothing() {
    let client = engine().await.client();
    let plan = schema("").plan(&client).await.unwrap();
    assert_eq!(plan.len(), 14, "the ledger and every migration");
    assert_eq!(schema("").plan(&client).await.unwrap(), plan);
    schema("").apply(&client).await.unwrap();
    assert_eq!(schema("").plan(&client).await.unwrap(), []);
    let refused = schema("bank").plan(&client).await.unwrap_err();
    assert!(
        matches!(refused, MigrateError::OtherKind { ref engine } if engine == "ReplacingMergeTree"),
        "{refused}"
    );
}
