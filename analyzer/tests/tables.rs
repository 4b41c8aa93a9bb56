//! The analyzer's tables, on one server and on a cluster.

use kbwatch_analyzer::schema;
use kbwatch_clickhouse_engine::testing::engine;
use kbwatch_clickhouse_migrations::assert_readable;

#[tokio::test(flavor = "multi_thread")]
async fn clickhouse_can_read_every_statement_that_is_written_for_a_cluster() {
    let client = engine().await.client();
    assert_readable(&client, &schema("")).await;
    assert_readable(&client, &schema("bank")).await;
}
