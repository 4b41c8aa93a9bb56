//! A small bank in a real database: rows as ingest writes them.

#![expect(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a helper of tests: what fails here fails the test, and rows are written in place"
)]

use std::sync::atomic::{AtomicU64, Ordering};

use kbwatch_clickhouse_engine::testing::{TestEngine, engine};
use serde_json::{Value, json};

pub(crate) const HOUR: i64 = 3_600_000;
pub(crate) const DAY: i64 = 24 * HOUR;
pub(crate) const KB: &str = "KB5022286";
pub(crate) const EARLIER: &str = "KB5021237";

static NEXT_EVENT: AtomicU64 = AtomicU64::new(1);

/// Rows that wait to be written.
pub(crate) struct Bank {
    pub(crate) engine: TestEngine,
    pub(crate) events: Vec<Value>,
    facts: Vec<Value>,
    presence: Vec<Value>,
}

/// One endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) id: String,
    pub(crate) ring: String,
    pub(crate) branch: String,
    pub(crate) image: String,
    pub(crate) security: String,
}

impl Endpoint {
    pub(crate) fn new(number: usize) -> Self {
        Self {
            id: format!("pc-{number:05}"),
            ring: format!("ring{}", number % 4),
            branch: format!("zj-{:04}", number / 10),
            image: ["img-pc-2021", "img-teller-2022a"][number % 2].to_owned(),
            security: "PlainShield".to_owned(),
        }
    }
}

impl Bank {
    pub(crate) async fn open() -> Self {
        let engine = engine().await;
        let client = engine.client();
        kbwatch_ingest::migrate(&client).await.unwrap();
        kbwatch_analyzer::migrate(&client).await.unwrap();
        kbwatch_analyzer::migrate(&client).await.unwrap();
        Self {
            engine,
            events: Vec::new(),
            facts: Vec::new(),
            presence: Vec::new(),
        }
    }

    /// Device facts as of `at_ms`.
    pub(crate) fn facts(&mut self, endpoint: &Endpoint, ubr: u32, at_ms: i64) {
        self.facts.push(json!({
            "device_id": endpoint.id, "revision": at_ms, "observed_at": seconds(at_ms),
            "received_at": seconds(at_ms),
            "facts": {
                "hostname": endpoint.id.to_uppercase(), "class": "teller", "ring": endpoint.ring,
                "branch": endpoint.branch, "province": "zj", "image": endpoint.image,
                "edition": "EnterpriseS", "arch": "amd64", "language": "zh-CN",
                "os_build": "17763", "ubr": ubr.to_string(),
                "security_product": endpoint.security,
            },
        }));
    }

    pub(crate) fn heard(&mut self, endpoint: &Endpoint, at_ms: i64) {
        self.presence.push(json!({
            "device_id": endpoint.id, "last_heard_at": seconds(at_ms),
            "device_clock_at": seconds(at_ms), "collector_version": "0.1.0",
        }));
    }

    pub(crate) fn event(&mut self, endpoint: &Endpoint, at_ms: i64, fields: Value) {
        let number = NEXT_EVENT.fetch_add(1, Ordering::Relaxed);
        let mut row = json!({
            "device_id": endpoint.id, "event_id": format!("{number:016x}"),
            "source_kind": "event_log", "phase": "install", "result": "info",
            "printed_at": seconds(at_ms), "occurred_at": seconds(at_ms),
            "time_source": "printed", "time_quality": "sound",
            "observed_at": seconds(at_ms), "received_at": seconds(at_ms), "version": 1,
        });
        for (key, value) in fields.as_object().unwrap() {
            row[key] = value.clone();
        }
        self.events.push(row);
    }

    fn begin(&mut self, endpoint: &Endpoint, kb: &str, at_ms: i64) {
        let title = format!("2023-01 Cumulative Update for Windows 10 ({kb})");
        self.event(
            endpoint,
            at_ms,
            json!({
                "phase": "download", "result": "start", "kb": kb, "title": title,
                "source": "Microsoft-Windows-WindowsUpdateClient",
            }),
        );
        self.event(
            endpoint,
            at_ms + 60_000,
            json!({
                "result": "start", "kb": kb, "title": title,
                "source": "Microsoft-Windows-WindowsUpdateClient",
            }),
        );
        self.event(
            endpoint,
            at_ms + 70_000,
            json!({
                "result": "start", "kb": kb, "identifier": kb, "target_state": "Installed",
                "source": "Microsoft-Windows-Servicing",
            }),
        );
    }

    pub(crate) fn pending(&mut self, endpoint: &Endpoint, kb: &str, at_ms: i64) {
        self.begin(endpoint, kb, at_ms);
        self.event(
            endpoint,
            at_ms + 5 * 60_000,
            json!({
                "result": "pending_reboot", "kb": kb, "identifier": kb,
                "source": "Microsoft-Windows-Servicing", "target_state": "Installed",
            }),
        );
    }

    pub(crate) fn succeeds(&mut self, endpoint: &Endpoint, kb: &str, at_ms: i64) {
        self.pending(endpoint, kb, at_ms);
        self.event(
            endpoint,
            at_ms + 30 * 60_000,
            json!({
                "phase": "reboot_commit", "extra": {"detail": "event log stopped"},
            }),
        );
        self.event(
            endpoint,
            at_ms + 32 * 60_000,
            json!({
                "phase": "reboot_commit", "extra": {"detail": "event log started"},
            }),
        );
        self.event(
            endpoint,
            at_ms + 34 * 60_000,
            json!({
                "result": "success", "kb": kb, "identifier": kb, "hresult": 0,
                "source": "Microsoft-Windows-Servicing", "target_state": "Installed",
            }),
        );
    }

    pub(crate) fn fails(&mut self, endpoint: &Endpoint, kb: &str, at_ms: i64, hresult: u32) {
        self.begin(endpoint, kb, at_ms);
        let end = at_ms + 10 * 60_000;
        if hresult == 0x800f_0985 {
            self.event(endpoint, end - 9_000, json!({
                "source_kind": "cbs", "phase": "corruption_detect", "result": "hash_mismatch",
                "component": "amd64_microsoft-windows-example-teller_31bf3856ad364e35_10.0.17763.1_none_0123456789abcdef",
                "file": "example.dll", "hash_expected": "ab".repeat(32),
            }));
            self.event(
                endpoint,
                end - 8_000,
                json!({
                    "source_kind": "cbs", "phase": "hydrate", "result": "fail",
                    "component": "Microsoft-Windows-Example-Teller", "arch": "amd64",
                    "component_version": "10.0.17763.1", "file": "example.dll",
                }),
            );
        }
        self.event(
            endpoint,
            end - 2_000,
            json!({
                "source_kind": "cbs", "result": "fail", "hresult": hresult,
                "package": package_of(kb),
            }),
        );
        self.event(
            endpoint,
            end - 1_000,
            json!({
                "result": "fail", "kb": kb, "identifier": kb, "hresult": hresult,
                "source": "Microsoft-Windows-Servicing", "target_state": "Installed",
            }),
        );
        self.event(
            endpoint,
            end,
            json!({
                "result": "fail", "kb": kb, "hresult": hresult,
                "title": format!("2023-01 Cumulative Update for Windows 10 ({kb})"),
                "source": "Microsoft-Windows-WindowsUpdateClient",
            }),
        );
    }

    /// Writes what waits.
    pub(crate) async fn store(&mut self) {
        let client = self.engine.client();
        for (table, rows) in [
            ("update_events", std::mem::take(&mut self.events)),
            ("device_facts", std::mem::take(&mut self.facts)),
            ("presence", std::mem::take(&mut self.presence)),
        ] {
            if rows.is_empty() {
                continue;
            }
            let lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
            let mut insert = client
                .insert_formatted_with(format!("INSERT INTO {table} FORMAT JSONEachRow"))
                .with_setting("async_insert", "0")
                .buffered();
            insert.write_buffered(lines.join("\n").as_bytes());
            insert.end().await.unwrap();
        }
    }
}

/// A time as tables take it.
pub(crate) fn seconds(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap();
    at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

fn package_of(kb: &str) -> String {
    let build = if kb == KB { "17763.3887" } else { "17763.3770" };
    format!("Package_for_RollupFix~31bf3856ad364e35~amd64~~{build}.1.6")
}
