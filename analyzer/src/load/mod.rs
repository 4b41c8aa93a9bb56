//! Reads what the other stages stored: the only SQL of the analyzer that reads.
//!
//! A cycle asks which devices have rows stored since the last cycle, less an
//! overlap for rows that became visible late, and reads those devices anew and
//! whole; devices whose rows in the overlap are the same as before are left
//! alone. The watermark moves last, so that a cycle that fails is repeated.

mod changes;
mod find_devices;
mod learn;
mod lines;
pub(crate) mod memory;
pub(crate) mod plans;
mod rows;
mod timeline;
mod trace;
mod understood;
mod unreadable;
mod waiting;

use std::collections::HashSet;

use crate::attempts::Knowledge;
use crate::fleet::Fleet;
use crate::kb::KbTable;
use changes::Watched;
use learn::{Pair, concerned, learn};
use rows::{CountRow, EVENT_COLUMNS, EventRow, FactsRow, PresenceRow, records};

pub use find_devices::{DeviceList, FoundDevice, ListedDevice, MAX_FOUND, MAX_LISTED};
pub use lines::{AttemptLine, DeviceTimeline, FactsLine, PresenceLine, TimelineEvent};
pub use timeline::Reader;
pub(crate) use trace::Traced;
pub use trace::{BrokenRecord, MAX_TRACED, TracedDevice};
pub(crate) use understood::read_understood;
pub(crate) use unreadable::read_unreadable;
pub use waiting::WaitingDevice;

/// Devices asked for in one statement: keeps the text of the statement small.
const DEVICES_PER_QUERY: usize = 1_000;

/// The database did not answer as hoped.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Try again in the next cycle.
    #[error("could not read {what} from ClickHouse")]
    Retry {
        /// What was asked for.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: clickhouse::error::Error,
    },
}

/// Names what was asked for when the database does not answer.
pub(crate) trait Asking<T> {
    fn asking(self, what: &'static str) -> Result<T, LoadError>;
}

impl<T> Asking<T> for Result<T, clickhouse::error::Error> {
    fn asking(self, what: &'static str) -> Result<T, LoadError> {
        self.map_err(|source| LoadError::Retry { what, source })
    }
}

/// What a load brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loaded {
    /// Numbers of the devices that were read anew.
    pub changed: Vec<usize>,
    /// Newest `stored_at` seen, milliseconds since 1970 UTC.
    pub data_at_ms: i64,
}

/// Keeps a [`Fleet`] up to date.
pub(crate) struct Loader {
    client: clickhouse::Client,
    window_days: u32,
    ignored: HashSet<String>,
    events: Watched,
    facts: Watched,
    presence_since_ms: i64,
    /// Pairs that were learned and are not yet applied to every device.
    learned: Vec<Pair>,
    begun: bool,
}

impl Loader {
    pub(crate) fn new(
        client: clickhouse::Client,
        overlap_ms: i64,
        window_days: u32,
        ignored: HashSet<String>,
    ) -> Self {
        Self {
            client,
            window_days,
            ignored,
            events: Watched::new("update_events", "event_id, version", overlap_ms),
            facts: Watched::new("device_facts", "observed_at, revision", overlap_ms),
            presence_since_ms: 0,
            learned: Vec::new(),
            begun: false,
        }
    }

    /// Brings `fleet` up to what is stored; the first time reads everything.
    pub(crate) async fn load(
        &mut self,
        fleet: &mut Fleet,
        kbs: &mut KbTable,
        now_ms: i64,
    ) -> Result<Loaded, LoadError> {
        let events = self.events.look(&self.client).await?;
        let facts = self.facts.look(&self.client).await?;
        let all = !self.begun;
        let mut ids: Vec<String> = events
            .changed
            .iter()
            .chain(&facts.changed)
            .cloned()
            .collect();
        ids.sort_unstable();
        ids.dedup();
        self.read_presence(fleet).await?;
        let mut changed = Vec::new();
        if all {
            learn(&self.client, kbs, None).await?;
            self.read_facts(fleet, None).await?;
            changed = self.read_events(fleet, kbs, None, now_ms).await?;
        } else {
            for part in ids.chunks(DEVICES_PER_QUERY) {
                let new = learn(&self.client, kbs, Some(part)).await?;
                self.learned.extend(new);
            }
            ids.extend(concerned(&self.client, &self.learned).await?);
            ids.sort_unstable();
            ids.dedup();
            for part in ids.chunks(DEVICES_PER_QUERY) {
                self.read_facts(fleet, Some(part)).await?;
                changed.extend(self.read_events(fleet, kbs, Some(part), now_ms).await?);
            }
        }
        self.begun = true;
        self.learned.clear();
        self.events.accept(events);
        self.facts.accept(facts);
        Ok(Loaded {
            changed,
            data_at_ms: self.events.newest_ms().max(self.facts.newest_ms()),
        })
    }

    async fn read_presence(&mut self, fleet: &mut Fleet) -> Result<(), LoadError> {
        let query = self.client.query(
            "SELECT toString(device_id) AS device_id, \
             toUnixTimestamp64Milli(last_heard_at) AS last_heard_ms FROM presence FINAL \
             WHERE last_heard_at >= fromUnixTimestamp64Milli(?)",
        );
        let query = query.bind(self.presence_since_ms);
        let mut cursor = query.fetch::<PresenceRow>().asking("presence")?;
        while let Some(row) = cursor.next().await.asking("presence")? {
            let number = fleet.number(&row.device_id);
            if let Some(device) = fleet.devices.get_mut(number) {
                device.last_heard_ms = Some(row.last_heard_ms);
            }
            // A row may become visible a little after a younger one.
            let since = row.last_heard_ms - self.events.overlap_ms();
            self.presence_since_ms = self.presence_since_ms.max(since);
        }
        Ok(())
    }

    async fn read_facts(&self, fleet: &mut Fleet, ids: Option<&[String]>) -> Result<(), LoadError> {
        let sql = format!(
            "SELECT toString(device_id) AS device_id, \
             toUnixTimestamp64Milli(observed_at) AS observed_ms, \
             CAST(facts, 'Array(Tuple(String, String))') AS facts \
             FROM device_facts FINAL {} ORDER BY device_id, observed_at, revision",
            only(ids)
        );
        let mut cursor = bind_ids(self.client.query(&sql), ids)
            .fetch::<FactsRow>()
            .asking("device facts")?;
        let mut cleared = HashSet::new();
        while let Some(row) = cursor.next().await.asking("device facts")? {
            let number = fleet.number(&row.device_id);
            let pairs = row
                .facts
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()));
            let facts = fleet.words.facts(pairs);
            let Some(device) = fleet.devices.get_mut(number) else {
                continue;
            };
            if cleared.insert(number) {
                device.facts.clear();
            }
            device.take_facts(row.observed_ms, facts);
        }
        Ok(())
    }

    async fn read_events(
        &self,
        fleet: &mut Fleet,
        kbs: &KbTable,
        ids: Option<&[String]>,
        now_ms: i64,
    ) -> Result<Vec<usize>, LoadError> {
        let mut changed = forget(fleet, ids);
        let counts = self.count_events(fleet, ids).await?;
        let from_ms = now_ms - i64::from(self.window_days) * 86_400_000;
        let sql = format!(
            "SELECT {EVENT_COLUMNS} FROM update_events FINAL {} AND NOT noise \
             AND (phase NOT IN ('scan', 'maintenance', 'appx_provision', 'feature_install') \
                  OR operation = 'startcomponentcleanup') \
             AND (printed_at >= fromUnixTimestamp64Milli(?) OR printed_at < '2000-01-02') \
             ORDER BY device_id",
            only(ids)
        );
        let query = bind_ids(self.client.query(&sql), ids).bind(from_ms);
        let mut cursor = query.fetch::<EventRow>().asking("update events")?;
        changed.extend(counts);
        let mut rows: Vec<EventRow> = Vec::new();
        while let Some(row) = cursor.next().await.asking("update events")? {
            let next = rows
                .first()
                .is_some_and(|first| first.device_id != row.device_id);
            if next {
                let whole = std::mem::take(&mut rows);
                changed.extend(self.take_device(fleet, kbs, whole));
            }
            rows.push(row);
        }
        changed.extend(self.take_device(fleet, kbs, rows));
        changed.sort_unstable();
        changed.dedup();
        Ok(changed)
    }

    /// Counts the events of each device.
    async fn count_events(
        &self,
        fleet: &mut Fleet,
        ids: Option<&[String]>,
    ) -> Result<Vec<usize>, LoadError> {
        let sql = format!(
            "SELECT toString(device_id) AS device_id, count() AS events \
             FROM update_events FINAL {} GROUP BY device_id",
            only(ids)
        );
        let mut cursor = bind_ids(self.client.query(&sql), ids)
            .fetch::<CountRow>()
            .asking("event counts")?;
        let mut changed = Vec::new();
        while let Some(row) = cursor.next().await.asking("event counts")? {
            let number = fleet.number(&row.device_id);
            if let Some(device) = fleet.devices.get_mut(number) {
                device.events = row.events;
            }
            changed.push(number);
        }
        Ok(changed)
    }

    fn take_device(&self, fleet: &mut Fleet, kbs: &KbTable, rows: Vec<EventRow>) -> Option<usize> {
        let number = fleet.number(&rows.first()?.device_id);
        let records = records(rows);
        let knowledge = Knowledge {
            kbs,
            ignored: &self.ignored,
        };
        fleet.take_records(number, &records, knowledge);
        Some(number)
    }
}

/// Forgets what the events of devices said that are about to be read anew:
/// some may have no event left.
fn forget(fleet: &mut Fleet, ids: Option<&[String]>) -> Vec<usize> {
    let numbers: Vec<usize> = ids
        .into_iter()
        .flatten()
        .map(|id| fleet.number(id))
        .collect();
    for number in &numbers {
        if let Some(device) = fleet.devices.get_mut(*number) {
            device.kbs.clear();
            device.corrupt_at_ms = None;
            device.corrupt_evidence.clear();
            device.repairs.clear();
            device.cleaned_at_ms = None;
            device.off_at_ms = None;
            device.events = 0;
        }
    }
    numbers
}

fn only(ids: Option<&[String]>) -> &'static str {
    match ids {
        Some(_) => "WHERE device_id IN ?",
        None => "WHERE 1",
    }
}

fn bind_ids(query: clickhouse::query::Query, ids: Option<&[String]>) -> clickhouse::query::Query {
    match ids {
        Some(ids) => query.bind(ids),
        None => query,
    }
}
