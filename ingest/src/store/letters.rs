//! What lies in the dead letters, for people: which batches, whose, and why.

use clickhouse::query::Query;
use clickhouse::{Client, Row};
use kbwatch_proto::hex;
use kbwatch_proto::journal::JournalRecord;
use prost::Message;
use serde::Deserialize;

/// Letters listed or shown at once, unless more are asked for.
pub const MOST_SHOWN: u64 = 100;

/// Which letters are meant; what is left empty is any.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Ids, hexadecimal; their beginnings will do.
    pub ids: Vec<String>,
    /// One device.
    pub device: Option<String>,
    /// `batch`, `rows`, `parked`, `unparked` or `replayed`.
    pub kind: Option<String>,
    /// How many at most; the newest come first.
    pub limit: u64,
}

/// A letter without its batch.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct Letter {
    /// Hexadecimal.
    pub id: String,
    /// Whose batch.
    pub device_id: String,
    /// When the gateway had it, UTC.
    pub received_at: String,
    /// Why it lies there.
    pub kind: String,
    /// In words.
    pub reason: String,
    /// Number and reason of each rejected row.
    pub rows: Vec<(u32, String)>,
    /// Events that the batch declared.
    pub event_count: u32,
    /// Size of the whole record, bytes.
    pub record_bytes: u64,
}

/// The batch of a letter, as far as it can be read without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Version of the journal record.
    pub version: u32,
    /// Who sent it, where it was not the device itself.
    pub sender_id: String,
    /// Address that it came from.
    pub peer: String,
    /// Version of the collector.
    pub collector_version: String,
    /// Format of the block.
    pub format: u32,
    /// Sealed size, bytes.
    pub payload_bytes: usize,
    /// Unpacked size that it declares, bytes.
    pub unpacked_bytes: u32,
}

impl Wanted {
    /// The condition, with a place for every value that [`Self::bind`] gives.
    fn condition(&self) -> String {
        let mut all = vec!["true".to_owned()];
        if !self.ids.is_empty() {
            let any = vec!["startsWith(lower(hex(letter_id)), ?)"; self.ids.len()];
            all.push(format!("({})", any.join(" OR ")));
        }
        if self.device.is_some() {
            all.push("device_id = ?".to_owned());
        }
        if self.kind.is_some() {
            all.push("kind = ?".to_owned());
        }
        all.join(" AND ")
    }

    fn bind(&self, mut query: Query) -> Query {
        for id in &self.ids {
            query = query.bind(id.to_lowercase());
        }
        for text in [&self.device, &self.kind].into_iter().flatten() {
            query = query.bind(text);
        }
        query
    }

    /// Asks how many letters are meant, beyond the limit too.
    async fn count(&self, client: &Client) -> Result<u64, clickhouse::error::Error> {
        let condition = self.condition();
        let sql = format!("SELECT count() FROM dead_letters FINAL WHERE {condition}");
        self.bind(client.query(&sql)).fetch_one().await
    }

    /// Asks for columns of the letters that are meant.
    pub(super) fn ask(&self, client: &Client, columns: &str) -> Query {
        let condition = self.condition();
        let query = client.query(&format!(
            "SELECT {columns} FROM dead_letters FINAL WHERE {condition}
             ORDER BY stored_at DESC, letter_id LIMIT {}",
            self.limit
        ));
        self.bind(query)
    }
}

/// The letters that are meant, newest first.
///
/// # Errors
/// What ClickHouse said.
pub async fn list(
    client: &Client,
    wanted: &Wanted,
) -> Result<Vec<Letter>, clickhouse::error::Error> {
    let columns = "lower(hex(letter_id)) AS id, toString(device_id) AS device_id,
        toString(received_at) AS received_at, toString(kind) AS kind, reason, rows,
        event_count, length(record) AS record_bytes";
    wanted.ask(client, columns).fetch_all().await
}

/// How many letters are meant that `shown` of them leave out.
///
/// # Errors
/// What ClickHouse said.
pub async fn beyond(
    client: &Client,
    wanted: &Wanted,
    shown: usize,
) -> Result<u64, clickhouse::error::Error> {
    if (shown as u64) < wanted.limit {
        return Ok(0);
    }
    let all = wanted.count(client).await?;
    Ok(all.saturating_sub(shown as u64))
}

/// The envelope of one letter's batch; `None` where it is no batch at all.
///
/// # Errors
/// What ClickHouse said.
pub async fn envelope(
    client: &Client,
    letter: &Letter,
) -> Result<Option<Envelope>, clickhouse::error::Error> {
    let wanted = Wanted {
        ids: vec![letter.id.clone()],
        limit: 1,
        ..Wanted::default()
    };
    let found = wanted
        .ask(client, "hex(record)")
        .fetch_one::<String>()
        .await?;
    let record = hex::decode(&found).and_then(|bytes| JournalRecord::decode(&*bytes).ok());
    Ok(record.and_then(|record| {
        let batch = record.batch?;
        Some(Envelope {
            version: record.version,
            sender_id: record.sender_id,
            peer: record.peer,
            collector_version: batch.collector_version,
            format: batch.format,
            payload_bytes: batch.payload.len(),
            unpacked_bytes: batch.unpacked_len,
        })
    }))
}
