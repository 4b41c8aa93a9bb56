//! Tables that are derived from others, made anew.
//!
//! `codes_seen` is filled as events come; what it says must be what the events say
//! that are there. `source_lines` is no such table: it adds up what heartbeats
//! told, and those are not kept.

use clickhouse::Client;
use clickhouse::error::Error;

/// Seconds by which clocks of several servers may differ, and an insert last.
const OVERLAP_S: u32 = 600;

/// What `codes_seen` would hold, its devices in the form `{devices}`.
fn recomputed(devices: &str, events: &str) -> String {
    format!(
        "SELECT assumeNotNull(e.hresult) AS hresult, e.phase AS phase, e.result AS result,
             e.kb AS kb, min(e.printed_at) AS first_seen_at, max(e.printed_at) AS last_seen_at,
             {devices}(toString(e.device_id)) AS devices
         FROM update_events AS e FINAL
         WHERE e.hresult IS NOT NULL AND NOT e.noise AND {events}
         GROUP BY hresult, phase, result, kb"
    )
}

/// Codes of which the table says something else than the events do.
///
/// # Errors
/// What ClickHouse said.
pub async fn differing(client: &Client) -> Result<u64, Error> {
    let seen = "SELECT hresult, phase, result, kb, first_seen_at, last_seen_at, devices
        FROM v_codes_seen";
    let told = recomputed("uniqCombined64", "true");
    let asked = format!(
        "SELECT uniqExact((hresult, phase, result, kb)) FROM (
             SELECT * FROM ({seen} EXCEPT DISTINCT {told})
             UNION ALL
             SELECT * FROM ({told} EXCEPT DISTINCT {seen})
         )"
    );
    client.query(&asked).fetch_one().await
}

/// Makes the table anew from the events, and says how many codes it holds.
///
/// Whoever reads sees the old one until the new one is whole; the store may go
/// on. Ended midway it can be run again.
///
/// # Errors
/// What ClickHouse said.
pub async fn rebuild(client: &Client) -> Result<u64, Error> {
    let run = async |statement: &str| client.query(statement).execute().await;
    run("DROP TABLE IF EXISTS codes_seen_anew").await?;
    run("CREATE TABLE codes_seen_anew AS codes_seen").await?;
    let begun: u32 = client
        .query("SELECT toUnixTimestamp(now())")
        .fetch_one()
        .await?;
    let all = recomputed("uniqCombined64State", "true");
    run(&format!("INSERT INTO codes_seen_anew {all}")).await?;
    run("EXCHANGE TABLES codes_seen AND codes_seen_anew").await?;
    // What came meanwhile went into the old one. Said twice it changes nothing.
    let since = format!(
        "e.stored_at >= toDateTime({})",
        begun.saturating_sub(OVERLAP_S)
    );
    let meanwhile = recomputed("uniqCombined64State", &since);
    run(&format!("INSERT INTO codes_seen {meanwhile}")).await?;
    run("DROP TABLE codes_seen_anew").await?;
    client
        .query("SELECT count() FROM v_codes_seen")
        .fetch_one()
        .await
}
