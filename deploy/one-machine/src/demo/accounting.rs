//! What lies in the database held against the ledger: nothing lost, nothing
//! doubled, nothing unaccounted for.

use clickhouse::{Client, Row};
use kbwatch_ingest::Metrics;
use kbwatch_ingest::metrics::Account;
use kbwatch_simulator::ledger::{LedgerRow, verify};
use serde::Deserialize;
use serde_json::{Value, json};

use super::result::Check;

/// One group of stored events, as the ledger counts them.
#[derive(Debug, Row, Deserialize)]
struct StoredRow {
    device: String,
    source: String,
    result: String,
    kb: String,
    hresult: String,
    file: String,
    count: u64,
}

const STORED: &str = "SELECT toString(device_id) AS device, toString(source_kind) AS source,
        toString(result) AS result, toString(kb) AS kb,
        if(isNull(hresult), '', concat('0x', lower(leftPad(hex(assumeNotNull(hresult)), 8, '0')))) AS hresult,
        file, count() AS count
    FROM update_events FINAL
    WHERE NOT noise
    GROUP BY device, source, result, kb, hresult, file";

/// Rows that count each event once, distinct ids, and rows before replacing.
#[derive(Debug, Row, Deserialize, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) counted: u64,
    pub(crate) distinct: u64,
    pub(crate) raw: u64,
}

/// Counts the stored events.
pub(crate) async fn totals(client: &Client) -> Result<Totals, clickhouse::error::Error> {
    client
        .query(
            "SELECT counted, distinct, raw
            FROM (SELECT count() AS counted, uniqExact(event_id) AS distinct FROM update_events FINAL) AS once,
                (SELECT count() AS raw FROM update_events) AS every",
        )
        .fetch_one()
        .await
}

/// Every check on rows; `durable_events` is what the devices' receipts cover.
pub(crate) async fn checks(
    client: &Client,
    ledger: &[LedgerRow],
    durable_events: u64,
    metrics: &Metrics,
) -> Result<Vec<Check>, clickhouse::error::Error> {
    let stored: Vec<StoredRow> = client.query(STORED).fetch_all().await?;
    let stored: Vec<LedgerRow> = stored.into_iter().map(ledger_row).collect();
    let differences = verify(ledger, &stored);
    let totals = totals(client).await?;
    let letters: u64 = client
        .query("SELECT count() FROM dead_letters FINAL")
        .fetch_one()
        .await?;
    let received = metrics.store_events().received;
    let expected: u64 = ledger.iter().map(|row| row.count).sum();
    Ok(vec![
        Check::that(
            "the_stored_events_are_the_ledger",
            differences.is_empty(),
            json!({ "events": expected, "differences": 0 }),
            json!({ "differences": differences.len(), "such_as": differences.iter().take(5).collect::<Vec<_>>() }),
        ),
        Check::equal(
            "nothing_is_doubled",
            json!({ "rows": totals.distinct, "distinct_ids": totals.distinct }),
            json!({ "rows": totals.counted, "distinct_ids": totals.distinct }),
        ),
        Check::that(
            "no_event_is_stored_that_was_not_receipted",
            totals.distinct <= durable_events && durable_events <= received,
            json!({ "receipted": durable_events }),
            json!({ "distinct": totals.distinct, "received": received, "raw": totals.raw }),
        ),
        Check::equal("nothing_is_in_a_dead_letter", 0, letters),
        balanced(
            "receive_accounts_for_every_batch",
            metrics.receive_batches(),
        ),
        balanced("store_accounts_for_every_batch", metrics.store_batches()),
        balanced("store_accounts_for_every_event", metrics.store_events()),
    ])
}

fn ledger_row(row: StoredRow) -> LedgerRow {
    LedgerRow {
        device: row.device,
        source: row.source,
        result: row.result,
        kb: row.kb,
        hresult: row.hresult,
        file: row.file,
        count: row.count,
    }
}

/// Received = stored + rejected + duplicate + returned + in flight, and nothing
/// is in flight any more.
fn balanced(name: &'static str, account: Account) -> Check {
    let sum = account.stored
        + account.rejected
        + account.duplicate
        + account.returned
        + account.in_flight;
    Check::that(
        name,
        account.balances() && account.in_flight == 0 && account.received > 0,
        json!({ "received": account.received, "in_flight": 0 }),
        said(account, sum),
    )
}

fn said(account: Account, sum: u64) -> Value {
    json!({
        "received": sum,
        "stored": account.stored,
        "rejected": account.rejected,
        "duplicate": account.duplicate,
        "returned": account.returned,
        "in_flight": account.in_flight,
    })
}
