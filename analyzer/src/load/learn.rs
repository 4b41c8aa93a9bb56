//! KB and build side by side in one record are true for the whole fleet.
//!
//! Pairs are learned from all rows of a load before any attempt is made of
//! them, and a pair that is new makes the devices that it concerns be read
//! again: what is known of a device never depends on who was read first.

use clickhouse::Row;
use serde::Deserialize;

use super::{Asking, LoadError, bind_ids, only};
use crate::kb::{Build, KbTable, rollup_build};

/// A KB and the build that it brings.
pub(super) type Pair = (String, Build);

#[derive(Row, Deserialize)]
struct PairRow {
    kb: String,
    package: String,
}

/// Adds the pairs that `ids` (or all devices) print to `kbs`; returns the new
/// ones.
pub(super) async fn learn(
    client: &clickhouse::Client,
    kbs: &mut KbTable,
    ids: Option<&[String]>,
) -> Result<Vec<Pair>, LoadError> {
    let sql = format!(
        "SELECT DISTINCT toString(kb) AS kb, package FROM update_events FINAL {} AND NOT noise \
         AND kb != '' AND position(package, 'Package_for_RollupFix') > 0",
        only(ids)
    );
    let query = bind_ids(client.query(&sql), ids);
    let rows: Vec<PairRow> = query.fetch_all().await.asking("KBs beside their builds")?;
    let pairs = rows.into_iter().filter_map(|row| {
        let build = rollup_build(&row.package)?;
        kbs.learn(&row.kb, build).then_some((row.kb, build))
    });
    Ok(pairs.collect())
}

/// Devices that speak of a KB or a build in `pairs`.
pub(super) async fn concerned(
    client: &clickhouse::Client,
    pairs: &[Pair],
) -> Result<Vec<String>, LoadError> {
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let kbs: Vec<&str> = pairs.iter().map(|(kb, _)| kb.as_str()).collect();
    let versions: Vec<String> = pairs.iter().map(|(_, build)| format!("~{build}")).collect();
    // Readings that were replaced may name a device too many; that harms nobody.
    let query = client.query(
        "SELECT DISTINCT toString(device_id) FROM update_events \
         WHERE kb IN ? OR multiSearchAny(package, ?)",
    );
    let query = query.bind(kbs).bind(versions);
    query
        .fetch_all()
        .await
        .asking("devices that a learned KB concerns")
}
