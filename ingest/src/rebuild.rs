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

/// How the table differs from what the events say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clickhouse::Row, serde::Deserialize)]
pub struct Difference {
    /// Codes of which it knows less than the events do. That never comes by itself.
    pub missing: u64,
    /// Codes of which it knows more: rows were removed by hand, or a record was
    /// read anew more fully, and what its first reading said stays counted.
    pub beyond: u64,
}

/// Compares the table with what the events say.
///
/// # Errors
/// What ClickHouse said.
pub async fn differing(client: &Client) -> Result<Difference, Error> {
    let seen = "SELECT hresult, phase, result, kb, first_seen_at, last_seen_at, devices
        FROM v_codes_seen";
    let told = recomputed("uniqCombined64", "true");
    // Of a code that one of them does not know, it knows no device.
    let less = |one: &str, other: &str| {
        format!(
            "SELECT count() FROM ({one}) AS a
             LEFT JOIN (SELECT *, 1 AS is_there FROM ({other})) AS b
                 USING (hresult, phase, result, kb)
             WHERE b.is_there = 0 OR b.devices < a.devices OR b.first_seen_at > a.first_seen_at
                OR b.last_seen_at < a.last_seen_at"
        )
    };
    let (missing, beyond) = (less(&told, seen), less(seen, &told));
    let asked = format!(
        "SELECT assumeNotNull(({missing})) AS missing, assumeNotNull(({beyond})) AS beyond"
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
