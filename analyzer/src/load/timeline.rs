//! One device as people want to see it: facts, presence, attempts, events.

use clickhouse::Row;
use kbwatch_proto::ids::EventId;
use kbwatch_proto::result_code::ResultCode;
use kbwatch_proto::words::SourceKind;
use serde::Deserialize;

use super::lines::{AttemptLine, DeviceTimeline, FactsLine, PresenceLine, TimelineEvent};
use super::{Asking, LoadError};
use crate::keep::AttemptTuple;

/// Asks the database for what a picture of the whole fleet cannot hold.
#[derive(Clone)]
pub struct Reader {
    client: clickhouse::Client,
}

/// Most events of a timeline.
const MAX_EVENTS: u32 = 500;

/// Columns of [`EventLine`].
const EVENT_COLUMNS: &str = "lower(hex(event_id)) AS event_id, \
    toUnixTimestamp64Milli(coalesce(occurred_at, printed_at)) AS at_ms, \
    occurred_at IS NOT NULL AS utc, toString(source_kind) AS source_kind, \
    toString(origin) AS origin, position, toString(phase) AS phase, \
    toString(result) AS result, hresult, toString(kb) AS kb, component, file, evidence, \
    extra['imported_by'] AS imported_by, extra['imported_from'] AS imported_from";

/// When it happened, as far as is known, for the order of a timeline: a time
/// that a log printed without a zone is brought to UTC by the device's usual
/// offset, which is the value to bind. As attempts are ordered.
const ORDER_MS: &str = "multiIf(time_quality = 'suspect', toUnixTimestamp64Milli(received_at), \
    occurred_at IS NOT NULL, toUnixTimestamp64Milli(assumeNotNull(occurred_at)), \
    printed_at < '2000-01-02', toUnixTimestamp64Milli(observed_at), \
    toUnixTimestamp64Milli(printed_at) - ?)";

#[derive(Row, Deserialize)]
struct EventLine {
    event_id: String,
    at_ms: i64,
    utc: bool,
    source_kind: String,
    origin: String,
    position: u64,
    phase: String,
    result: String,
    hresult: Option<u32>,
    kb: String,
    component: String,
    file: String,
    evidence: String,
    imported_by: String,
    imported_from: String,
}

#[derive(Row, Deserialize)]
struct PresenceColumns {
    last_heard_ms: i64,
    clock_skew_ms: i64,
    collector_version: String,
    lag_bytes: u64,
    cloned: bool,
}

#[derive(Row, Deserialize)]
struct FactsColumns {
    observed_at_ms: i64,
    facts: Vec<(String, String)>,
}

#[derive(Row, Deserialize)]
struct AttemptColumns {
    kb: String,
    attempts: Vec<AttemptTuple>,
}

impl Reader {
    /// Reads through `client`.
    pub fn new(client: clickhouse::Client) -> Self {
        Self { client }
    }

    /// The client, for imports.
    pub(crate) fn client(&self) -> &clickhouse::Client {
        &self.client
    }

    /// See [`crate::Shared::device`].
    pub async fn device(&self, device_id: &str) -> Result<Option<DeviceTimeline>, LoadError> {
        let timeline = DeviceTimeline {
            device_id: device_id.to_owned(),
            presence: self.presence(device_id).await?,
            facts: self.facts(device_id).await?,
            attempts: self.attempts(device_id).await?,
            events: self.newest_events(device_id).await?,
        };
        let known = timeline.presence.is_some()
            || !timeline.facts.is_empty()
            || !timeline.events.is_empty();
        Ok(known.then_some(timeline))
    }

    /// See [`crate::Shared::events`].
    pub async fn events(
        &self,
        device_id: &str,
        event_ids: &[String],
    ) -> Result<Vec<TimelineEvent>, LoadError> {
        let asked: Vec<&String> = event_ids.iter().filter(|id| is_event_id(id)).collect();
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT {EVENT_COLUMNS} FROM update_events FINAL \
             WHERE device_id = ? AND lower(hex(update_events.event_id)) IN ? \
             ORDER BY {ORDER_MS}, event_id"
        );
        let offset_ms = self.usual_offset_ms(device_id).await?;
        let query = self.client.query(&sql).bind(device_id).bind(asked);
        let query = query.bind(offset_ms.unwrap_or(0));
        let rows: Vec<EventLine> = query.fetch_all().await.asking("events")?;
        let event = |row| timeline_event(row, offset_ms);
        Ok(rows.into_iter().map(event).collect())
    }

    async fn newest_events(&self, device_id: &str) -> Result<Vec<TimelineEvent>, LoadError> {
        let sql = format!(
            "SELECT {EVENT_COLUMNS} FROM update_events FINAL \
             WHERE device_id = ? AND NOT noise ORDER BY {ORDER_MS} DESC, event_id LIMIT ?"
        );
        let offset_ms = self.usual_offset_ms(device_id).await?;
        let query = self
            .client
            .query(&sql)
            .bind(device_id)
            .bind(offset_ms.unwrap_or(0));
        let query = query.bind(MAX_EVENTS);
        let rows: Vec<EventLine> = query.fetch_all().await.asking("a device's events")?;
        let event = |row| timeline_event(row, offset_ms);
        Ok(rows.into_iter().map(event).collect())
    }

    /// Local time minus UTC, as most records of the device that know both say;
    /// `None` where none does.
    async fn usual_offset_ms(&self, device_id: &str) -> Result<Option<i64>, LoadError> {
        let query = self.client.query(
            "SELECT count(), toInt64(quantileExactHigh(0.5)(toUnixTimestamp64Milli(printed_at) \
             - toUnixTimestamp64Milli(assumeNotNull(occurred_at)))) FROM update_events FINAL \
             WHERE device_id = ? AND NOT noise AND occurred_at IS NOT NULL \
             AND printed_at >= '2000-01-02'",
        );
        let offset = query.bind(device_id).fetch_one::<(u64, i64)>();
        let (records, offset_ms) = offset.await.asking("a device's offset")?;
        Ok((records > 0).then_some(offset_ms))
    }

    async fn presence(&self, device_id: &str) -> Result<Option<PresenceLine>, LoadError> {
        let query = self.client.query(
            "SELECT toUnixTimestamp64Milli(last_heard_at) AS last_heard_ms, clock_skew_ms, \
             toString(collector_version) AS collector_version, lag_bytes, cloned \
             FROM presence FINAL WHERE device_id = ?",
        );
        let row = query.bind(device_id).fetch_optional::<PresenceColumns>();
        Ok(row
            .await
            .asking("a device's presence")?
            .map(|row| PresenceLine {
                last_heard_ms: row.last_heard_ms,
                clock_skew_ms: row.clock_skew_ms,
                collector_version: row.collector_version,
                lag_bytes: row.lag_bytes,
                cloned: row.cloned,
            }))
    }

    async fn facts(&self, device_id: &str) -> Result<Vec<FactsLine>, LoadError> {
        let query = self.client.query(
            "SELECT toUnixTimestamp64Milli(observed_at) AS observed_at_ms, \
             CAST(facts, 'Array(Tuple(String, String))') AS facts FROM device_facts FINAL \
             WHERE device_id = ? ORDER BY observed_at DESC, revision DESC LIMIT 50",
        );
        let rows = query.bind(device_id).fetch_all::<FactsColumns>();
        let rows = rows.await.asking("a device's facts")?.into_iter();
        let lines = rows.map(|row| FactsLine {
            observed_at_ms: row.observed_at_ms,
            facts: row.facts.into_iter().collect(),
        });
        Ok(lines.collect())
    }

    async fn attempts(&self, device_id: &str) -> Result<Vec<AttemptLine>, LoadError> {
        let query = self.client.query(
            "SELECT toString(kb) AS kb, attempts FROM device_attempts FINAL WHERE device_id = ?",
        );
        let rows = query.bind(device_id).fetch_all::<AttemptColumns>();
        let rows = rows.await.asking("a device's attempts")?;
        let mut lines: Vec<AttemptLine> = rows
            .into_iter()
            .flat_map(|row| {
                let kb = row.kb;
                let numbered = (1..).zip(row.attempts);
                numbered.map(move |(number, attempt)| attempt_line(&kb, number, attempt))
            })
            .collect();
        lines.sort_by(|a, b| {
            (b.started_at_ms, &b.kb, b.number).cmp(&(a.started_at_ms, &a.kb, a.number))
        });
        Ok(lines)
    }
}

fn attempt_line(kb: &str, number: u32, attempt: AttemptTuple) -> AttemptLine {
    let (started_at_ms, ended_at_ms, outcome, phase, hresult, _benign, evidence) = attempt;
    // A failure never ends with 0: none was stated.
    let code = hresult.filter(|code| *code != 0).map(ResultCode);
    AttemptLine {
        kb: kb.to_owned(),
        number,
        started_at_ms,
        ended_at_ms,
        outcome,
        phase,
        hresult: code.map_or_else(String::new, |code| code.to_string()),
        symbol: code
            .and_then(ResultCode::symbol)
            .unwrap_or_default()
            .to_owned(),
        evidence: evidence
            .into_iter()
            .map(|id| EventId(id).to_string())
            .collect(),
    }
}

fn timeline_event(row: EventLine, offset_ms: Option<i64>) -> TimelineEvent {
    let code = row.hresult.map(ResultCode);
    // A list of what is installed names days, and those are not moved.
    let movable = !row.utc && row.source_kind != SourceKind::InstalledUpdates.as_str();
    let offset_ms = offset_ms.filter(|_| movable);
    TimelineEvent {
        event_id: row.event_id,
        at_ms: row.at_ms - offset_ms.unwrap_or(0),
        utc: row.utc,
        by_offset: offset_ms.is_some(),
        source_kind: row.source_kind,
        origin: row.origin,
        position: row.position,
        phase: row.phase,
        result: row.result,
        hresult: code.map_or_else(String::new, |code| code.to_string()),
        symbol: code
            .and_then(ResultCode::symbol)
            .unwrap_or_default()
            .to_owned(),
        kb: row.kb,
        component: row.component,
        file: row.file,
        evidence: row.evidence,
        imported_by: row.imported_by,
        imported_from: row.imported_from,
    }
}

fn is_event_id(text: &str) -> bool {
    EventId::from_hex(text).is_some()
}
