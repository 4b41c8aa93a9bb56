//! A small fleet at work against a river that is being killed, and the ledger
//! that its database must match in the end.

use std::path::Path;
use std::time::Duration;

use kbwatch_clickhouse_engine::{Connection, Engine, EngineConfig, testing};
use kbwatch_simulator::ledger::{LedgerRow, verify};
use kbwatch_simulator::plan::PlanConfig;
use kbwatch_simulator::run::{Credentials, Fleet, LaunchConfig, RunningFleet};
use kbwatch_simulator::scenario;

use crate::harness::Plan;

/// How long the fleet may take once nobody disturbs it any more.
const PATIENCE: Duration = Duration::from_mins(3);

/// Starts a fleet that reports to this river with certificates of its own.
pub(crate) fn fleet(plan: &Plan, folder: &Path, devices: usize) -> RunningFleet {
    let now_ms = i64::try_from(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_millis(),
    )
    .unwrap();
    let config = LaunchConfig {
        gateway: format!("https://localhost:{}", plan.gateway),
        credentials: Credentials::Authority(plan.data.join("certificates")),
        dir: folder.join("fleet"),
        heartbeat_s: 5,
    };
    let devices = scenario::demo(PlanConfig {
        devices,
        seed: 11,
        now_ms,
        live_ms: 5_000,
    });
    Fleet::launch(devices, config).unwrap()
}

/// What a fleet left behind.
pub(crate) struct Left {
    pub(crate) ledger: Vec<LedgerRow>,
    pub(crate) durable_events: u64,
}

/// Waits until everything is receipted, and stops the fleet.
pub(crate) async fn settle(fleet: RunningFleet) -> Left {
    fleet.settled(PATIENCE).await.unwrap();
    let ledger = fleet.ledger();
    let summary = fleet.stop().await.unwrap();
    assert_eq!((summary.dropped_events, summary.refused_events), (0, 0));
    Left {
        ledger,
        durable_events: summary.progress.durable_events,
    }
}

/// Opens the database that a stopped river left in its data folder.
pub(crate) async fn open_database(plan: &Plan) -> Engine {
    Engine::start(EngineConfig {
        host_program: Some(testing::host_program()),
        ..EngineConfig::new(plan.data.join("clickhouse"))
    })
    .await
    .unwrap()
}

/// Nothing lost, nothing doubled: the stored rows are the ledger, and every id
/// stands once.
pub(crate) async fn assert_exact(connection: &Connection, left: &Left) {
    let client = connection.client();
    let (counted, distinct): (u64, u64) = client
        .query("SELECT count(), uniqExact(event_id) FROM update_events FINAL")
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(counted, distinct, "an event stands twice");
    assert!(distinct > 0);
    assert!(distinct <= left.durable_events);
    let stored: Vec<(String, String, String, String, String, String, u64)> = client
        .query(
            "SELECT toString(device_id), toString(source_kind), toString(result), toString(kb),
                if(isNull(hresult), '', concat('0x', lower(leftPad(hex(assumeNotNull(hresult)), 8, '0')))) AS code,
                file, count()
            FROM update_events FINAL
            GROUP BY device_id, source_kind, result, kb, code, file",
        )
        .fetch_all()
        .await
        .unwrap();
    let stored: Vec<LedgerRow> = stored
        .into_iter()
        .map(
            |(device, source, result, kb, hresult, file, count)| LedgerRow {
                device,
                source,
                result,
                kb,
                hresult,
                file,
                count,
            },
        )
        .collect();
    let differences = verify(&left.ledger, &stored);
    assert!(
        differences.is_empty(),
        "{} rows differ from the ledger, such as {:#?}",
        differences.len(),
        differences.iter().take(3).collect::<Vec<_>>()
    );
}
