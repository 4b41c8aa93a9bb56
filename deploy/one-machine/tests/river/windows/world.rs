//! A river on Linux that a collector on Windows reports to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use kbwatch_clickhouse_engine::{Connection, testing};
use kbwatch_one_machine::cli::EnrollRole;
use kbwatch_one_machine::pki;

use super::DEVICE;
use crate::harness::{PATIENCE, Plan, UpProcess};
use crate::wine::Wine;

/// A river whose database the test can ask while it runs.
pub(super) struct World {
    pub(super) river: UpProcess,
    database: Connection,
}

impl World {
    pub(super) async fn start(folder: &Path, wine: &Wine, settings: &str) -> Self {
        let engine = testing::engine().await;
        let database = engine.connection().clone();
        let host = database.url.trim_start_matches("http://");
        let mut plan = Plan::new(&folder.join("data"));
        plan.arguments = vec![
            "--clickhouse".to_owned(),
            format!(
                "http://{}:{}@{host}/{}",
                database.user, database.password, database.database
            ),
        ];
        let river = tokio::task::block_in_place(|| plan.start());
        let home = wine.drive_c().join("ProgramData/kbwatch");
        pki::enroll(&plan.data, DEVICE, EnrollRole::Device, &home).unwrap();
        let config = format!(
            "gateway = 'https://localhost:{}'\npoll_ms = 20\ncheckpoint_s = 0\n\
             batch_max_events = 20\nbackoff_max_ms = 200\nstart_spread_ms = 0\nutc_offset_minutes = 480\n{settings}\n\
             [tls]\nca = 'C:\\ProgramData\\kbwatch\\ca.pem'\n\
             cert = 'C:\\ProgramData\\kbwatch\\{DEVICE}.pem'\n\
             key = 'C:\\ProgramData\\kbwatch\\{DEVICE}.key'\n",
            plan.gateway
        );
        fs::write(home.join("collector.toml"), config).unwrap();
        Self { river, database }
    }

    /// The ids that the database holds, and whether each stands once.
    pub(super) async fn stored(&self) -> BTreeSet<String> {
        let rows: Vec<String> = self
            .database
            .client()
            .query("SELECT lower(hex(event_id)) FROM update_events FINAL WHERE device_id = ?")
            .bind(DEVICE)
            .fetch_all()
            .await
            .unwrap();
        let ids: BTreeSet<String> = rows.iter().cloned().collect();
        assert_eq!(ids.len(), rows.len(), "an event stands twice");
        ids
    }

    /// The facts that the device stated last; they are stored beside the
    /// events, not before them.
    pub(super) async fn facts(&self) -> BTreeMap<String, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let facts: Vec<(String, String)> = self
                .database
                .client()
                .query(
                    "SELECT tupleElement(fact, 1), tupleElement(fact, 2) FROM device_facts
                    ARRAY JOIN CAST(facts AS Array(Tuple(String, String))) AS fact
                    WHERE device_id = ? ORDER BY revision",
                )
                .bind(DEVICE)
                .fetch_all()
                .await
                .unwrap();
            if !facts.is_empty() {
                return facts.into_iter().collect();
            }
            assert!(Instant::now() < deadline, "no facts stored");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the database holds this many events or more.
    pub(super) async fn stores(&self, least: usize) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stored = self.stored().await.len();
            if stored >= least {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{stored} events stored, not {least}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
