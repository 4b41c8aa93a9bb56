//! Alerts wait here, in the database first, until every receiver took them.
//!
//! At least once: an alert is written before it is sent and marked after it
//! was taken; a crash between the two sends it again under the same id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::task::JoinSet;

use super::alert::{Alert, SIGNATURE_HEADER, signature};
use crate::config::Webhook;
use crate::keep::AlertRow;

/// A receiver must answer within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Longest pause between two tries.
const LONGEST_PAUSE_MS: u64 = 300_000;

/// Pause after the first failure.
const FIRST_PAUSE_MS: u64 = 1_000;

/// Alerts under way at once.
const MOST_UNDER_WAY: usize = 4;

struct Waiting {
    row: AlertRow,
    due_ms: i64,
    under_way: bool,
}

/// What became of one try.
type Tried = ((String, String), Result<(), String>);

/// Alerts that some receiver has not taken.
#[derive(Default)]
pub(crate) struct Outbox {
    webhooks: Vec<Webhook>,
    known: BTreeSet<(String, String)>,
    waiting: BTreeMap<(String, String), Waiting>,
    tries: JoinSet<Tried>,
    changed: Vec<AlertRow>,
}

impl Outbox {
    /// Goes on with what was kept; alerts of receivers that are configured no
    /// more stay undelivered.
    pub(crate) fn remember(webhooks: Vec<Webhook>, rows: Vec<AlertRow>) -> Self {
        let mut outbox = Self {
            webhooks,
            ..Self::default()
        };
        for row in rows {
            let key = (row.alert_id.clone(), row.receiver.clone());
            outbox.known.insert(key.clone());
            let wanted = outbox.webhooks.iter().any(|hook| hook.url == row.receiver);
            if wanted && row.delivered_at.is_none() {
                let waiting = Waiting {
                    row,
                    due_ms: 0,
                    under_way: false,
                };
                outbox.waiting.insert(key, waiting);
            }
        }
        outbox
    }

    /// Puts an alert in for every receiver; one that is there already is left.
    pub(crate) fn put(&mut self, alert: &Alert, now_ms: i64) {
        let Ok(body) = serde_json::to_string(alert) else {
            // Plain texts and numbers always become JSON.
            return;
        };
        let receivers: Vec<String> = self.webhooks.iter().map(|hook| hook.url.clone()).collect();
        for receiver in receivers {
            let key = (alert.alert_id.clone(), receiver.clone());
            if !self.known.insert(key.clone()) {
                continue;
            }
            let row = AlertRow {
                alert_id: alert.alert_id.clone(),
                receiver,
                kind: alert.kind.clone(),
                body: body.clone(),
                created_at: now_ms,
                delivered_at: None,
                tries: 0,
                last_error: String::new(),
                revised_at: now_ms,
            };
            self.changed.push(row.clone());
            let waiting = Waiting {
                row,
                due_ms: now_ms,
                under_way: false,
            };
            self.waiting.insert(key, waiting);
        }
    }

    /// Rows that changed since they were last taken to be kept.
    pub(crate) fn changed(&self) -> &[AlertRow] {
        &self.changed
    }

    /// The changed rows are kept.
    pub(crate) fn kept(&mut self) {
        self.changed.clear();
    }

    /// Collects what became of earlier tries and starts those that are due.
    /// Call it only when [`Outbox::changed`] was kept.
    pub(crate) fn deliver(&mut self, now_ms: i64) {
        while let Some(done) = self.tries.try_join_next() {
            match done {
                Ok((key, result)) => self.settle(&key, result, now_ms),
                Err(error) => tracing::error!(%error, "a delivery died"),
            }
        }
        let due: Vec<(String, String)> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| !waiting.under_way && waiting.due_ms <= now_ms)
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            if self.tries.len() >= MOST_UNDER_WAY {
                break;
            }
            self.start(key);
        }
    }

    fn start(&mut self, key: (String, String)) {
        let hook = self.webhooks.iter().find(|hook| hook.url == key.1).cloned();
        let (Some(hook), Some(waiting)) = (hook, self.waiting.get_mut(&key)) else {
            return;
        };
        waiting.under_way = true;
        let body = waiting.row.body.clone();
        self.tries.spawn(async move {
            let sent = tokio::task::spawn_blocking(move || post(&hook, &body)).await;
            let result = sent.unwrap_or_else(|error| Err(error.to_string()));
            (key, result)
        });
    }

    fn settle(&mut self, key: &(String, String), result: Result<(), String>, now_ms: i64) {
        let Some(mut waiting) = self.waiting.remove(key) else {
            return;
        };
        waiting.row.tries += 1;
        waiting.row.revised_at = now_ms.max(waiting.row.revised_at + 1);
        match result {
            Ok(()) => {
                waiting.row.delivered_at = Some(now_ms);
                waiting.row.last_error = String::new();
                tracing::info!(
                    alert_id = key.0,
                    kind = waiting.row.kind,
                    "delivered an alert"
                );
                self.changed.push(waiting.row);
            }
            Err(error) => {
                let pause = pause_ms(waiting.row.tries);
                tracing::warn!(
                    alert_id = key.0,
                    error,
                    pause,
                    "a receiver did not take an alert"
                );
                waiting.row.last_error = error.chars().take(500).collect();
                waiting.due_ms = now_ms + pause;
                waiting.under_way = false;
                self.changed.push(waiting.row.clone());
                self.waiting.insert(key.clone(), waiting);
            }
        }
    }
}

/// Exponential with full jitter, capped.
fn pause_ms(tries: u32) -> i64 {
    let cap = FIRST_PAUSE_MS
        .saturating_mul(1 << tries.saturating_sub(1).min(16))
        .min(LONGEST_PAUSE_MS);
    // Never at once: a receiver that refuses would be asked in every cycle.
    i64::try_from(fastrand::u64(cap / 4..=cap)).unwrap_or(i64::MAX)
}

fn post(hook: &Webhook, body: &str) -> Result<(), String> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(ANSWER_WITHIN))
        .build();
    let agent: ureq::Agent = config.into();
    let answer = agent
        .post(&hook.url)
        .header("Content-Type", "application/json")
        .header(SIGNATURE_HEADER, signature(&hook.secret, body.as_bytes()))
        .send(body.as_bytes());
    answer.map(|_| ()).map_err(|error| error.to_string())
}
