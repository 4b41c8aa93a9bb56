//! Logs that people bring: bundles that a help desk collected, and files that
//! cross an air gap.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use kbwatch_clickhouse_engine::{Connection, testing};
use kbwatch_collector::CollectorConfig;
use kbwatch_collector::carry;
use kbwatch_collector::import::{ImportArgs, ImportError, Imported, import};
use kbwatch_collector::parse::parse_file;
use kbwatch_one_machine::cli::EnrollRole;

use crate::harness::{Plan, UpProcess};

/// The device whose logs are brought.
const DEVICE: &str = "pc-9";

/// A river whose database the test can ask while it runs.
struct World {
    folder: tempfile::TempDir,
    plan: Plan,
    river: UpProcess,
    database: Connection,
}

impl World {
    async fn start() -> Self {
        let engine = testing::engine().await;
        let database = engine.connection().clone();
        let host = database.url.trim_start_matches("http://");
        let folder = tempfile::tempdir().unwrap();
        let mut plan = Plan::new(&folder.path().join("data"));
        plan.arguments = vec![
            "--clickhouse".to_owned(),
            format!(
                "http://{}:{}@{host}/{}",
                database.user, database.password, database.database
            ),
        ];
        let river = tokio::task::block_in_place(|| plan.start());
        Self {
            folder,
            plan,
            river,
            database,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Settings of someone with a certificate of this role.
    fn config(&self, id: &str, role: EnrollRole) -> CollectorConfig {
        let home = self.path(id);
        CollectorConfig {
            receipt_timeout_ms: 20_000,
            ..self.plan.collector(id, role, &home)
        }
    }

    /// Ids of the device's events, each of which stands once.
    async fn ids(&self) -> BTreeSet<String> {
        let sql = "SELECT lower(hex(event_id)) FROM update_events FINAL WHERE device_id = ?";
        let query = self.database.client();
        let rows: Vec<String> = query.query(sql).bind(DEVICE).fetch_all().await.unwrap();
        let ids: BTreeSet<String> = rows.iter().cloned().collect();
        assert_eq!(ids.len(), rows.len(), "an event stands twice");
        ids
    }
}

/// Records of failed updates, from the `from`th on.
fn records(from: u32, count: u32) -> String {
    let mut text = String::new();
    for n in from..from + count {
        let (minute, second) = (n / 60 % 60, n % 60);
        write!(
            text,
            "2023-01-11 09:{minute:02}:{second:02}, Info                  CBS    Exec: Processing \
             complete.  Session: 31007000_{n}, Package: Package_for_RollupFix~31bf3856ad364e35~\
             amd64~~17763.3887.1.{n}, Identifier: KB5022286 [HRESULT = 0x800f0985 - \
             PSFX_E_APPLY_REVERSE_DELTA_FAILED]\r\n"
        )
        .unwrap();
    }
    text
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A .cab with one file in it, stored.
fn cabinet(name: &str, text: &[u8]) -> Vec<u8> {
    let first_block = u32::try_from(36 + 8 + 17 + name.len()).unwrap();
    let len = u16::try_from(text.len()).unwrap().to_le_bytes();
    let mut bytes = b"MSCF".to_vec();
    bytes.extend([0; 12]);
    bytes.extend(44_u32.to_le_bytes());
    bytes.extend([0, 0, 0, 0, 3, 1, 1, 0, 1, 0]);
    bytes.extend([0; 6]);
    bytes.extend(first_block.to_le_bytes());
    bytes.extend([1, 0, 0, 0]);
    bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    bytes.extend([0; 12]);
    bytes.extend(name.as_bytes());
    bytes.extend([0; 5]);
    bytes.extend(len);
    bytes.extend(len);
    bytes.extend(text);
    bytes
}

/// What a help desk has: a folder, a .zip and a .cab.
fn bundles(world: &World) -> Vec<PathBuf> {
    let folder = world.path("ticket-4711");
    fs::create_dir_all(folder.join("CBS")).unwrap();
    fs::write(folder.join("CBS/CBS.log"), records(0, 40)).unwrap();
    fs::write(folder.join("notes.txt"), "the user says that it is slow").unwrap();
    let zipped = world.path("more.zip");
    let member = "logs/CBS/CbsPersist_20230111090000.log";
    let older = records(100, 20);
    fs::write(&zipped, zip(&[(member, older.as_bytes())])).unwrap();
    let packed = world.path("CbsPersist_20230110090000.cab");
    let text = cabinet("CbsPersist_20230110090000.log", records(200, 10).as_bytes());
    fs::write(&packed, text).unwrap();
    vec![folder, zipped, packed]
}

fn args(bundles: Vec<PathBuf>) -> ImportArgs {
    ImportArgs {
        config: PathBuf::new(),
        device: "PC-9".to_owned(),
        utc_offset_minutes: Some(480),
        bundles,
    }
}

async fn bring(world: &World, desk: &CollectorConfig) -> Imported {
    import(desk.clone(), &args(bundles(world))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bundles_of_a_help_desk_arrive_once_as_the_devices_own_with_who_brought_them() {
    let world = World::start().await;
    let desk = world.config("desk-1", EnrollRole::Importer);
    let imported = bring(&world, &desk).await;
    assert_eq!(
        (imported.logs, imported.passed_over, imported.unreadable),
        (3, 1, 0)
    );
    assert_eq!((imported.durable_events, imported.refused_events), (70, 0));
    let first = world.ids().await;
    assert_eq!(first.len(), 70);
    let own = parse_file(&world.path("ticket-4711/CBS/CBS.log"), None, DEVICE).unwrap();
    for event in &own.events {
        assert!(first.contains(&event.event_id.to_string()));
    }
    // The same once more, and the same rows.
    bring(&world, &desk).await;
    assert_eq!(world.ids().await, first);

    let from: Vec<(String, String, String)> = world
        .database
        .client()
        .query(
            "SELECT DISTINCT toString(device_id), extra['imported_by'], extra['imported_from'] \
             FROM update_events FINAL ORDER BY 3",
        )
        .fetch_all()
        .await
        .unwrap();
    let brought: Vec<(&str, &str, &str)> = from
        .iter()
        .map(|(device, by, from)| (device.as_str(), by.as_str(), from.as_str()))
        .collect();
    assert_eq!(
        brought,
        [
            (
                DEVICE,
                "desk-1",
                "CbsPersist_20230110090000.cab/CbsPersist_20230110090000.log"
            ),
            (
                DEVICE,
                "desk-1",
                "more.zip/logs/CBS/CbsPersist_20230111090000.log"
            ),
            (DEVICE, "desk-1", "ticket-4711/CBS/CBS.log"),
        ]
    );
    // Who reads a record sees who brought it; the device itself was not heard.
    let id = own.events[0].event_id.to_string();
    let page = format!("/events/{id}?device={DEVICE}&lang=en");
    let shown = tokio::task::block_in_place(|| world.river.get(&page)).unwrap();
    assert!(
        shown.contains("desk-1") && shown.contains("ticket-4711/CBS/CBS.log"),
        "{shown}"
    );
    // Whoever stops writes presence first.
    assert_eq!(world.river.stop(), Some(0));
    let heard: u64 = world
        .database
        .client()
        .query("SELECT count() FROM presence FINAL WHERE device_id = ?")
        .bind(DEVICE)
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(heard, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_devices_certificate_imports_for_no_other_device_and_is_told_why() {
    let world = World::start().await;
    let plain = world.config("pc-1", EnrollRole::Device);
    let refused = import(plain, &args(bundles(&world))).await.unwrap_err();
    assert!(matches!(refused, ImportError::Deliver(_)), "{refused}");
    let said = refused.to_string();
    assert!(
        said.contains("pc-1 may not speak for pc-9") && said.contains("importer role"),
        "{said}"
    );
    assert!(world.ids().await.is_empty());
    let denied = "kbwatch_receive_denials_total{reason=\"no_importer\"}";
    assert_eq!(
        tokio::task::block_in_place(|| world.river.metric(denied)),
        1
    );
    assert_eq!(world.river.stop(), Some(0));
}

/// The device behind the gap: what it has goes onto the stick.
fn export(device: &CollectorConfig, stick: &Path, receipts: Option<&Path>) -> carry::Exported {
    carry::export(device, stick, receipts).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_carried_across_a_gap_arrives_once_and_receipts_carried_back_end_it() {
    let world = World::start().await;
    let carrier = world.config("courier-1", EnrollRole::Carrier);
    let mut device = world.config(DEVICE, EnrollRole::Device);
    let log = world.path("CBS.log");
    fs::write(&log, records(0, 50)).unwrap();
    device.sources.cbs_log = Some(log.clone());
    let stick = world.path("stick.kbwatch");
    assert_eq!(export(&device, &stick, None).events, 50);

    let delivered = carry::import(&carrier, &stick).await.unwrap();
    assert_eq!(delivered.left_out, Vec::<String>::new());
    assert_eq!((delivered.exports, delivered.durable_events), (1, 50));
    let first = world.ids().await;
    assert_eq!(first.len(), 50);
    // The stick is read twice: the same rows.
    carry::import(&carrier, &stick).await.unwrap();
    assert_eq!(world.ids().await, first);

    // Without receipts everything goes again, with them only what is new.
    let again = world.path("again.kbwatch");
    assert_eq!(export(&device, &again, None).events, 50);
    fs::write(&log, records(0, 55)).unwrap();
    let news = world.path("news.kbwatch");
    let exported = export(&device, &news, Some(&delivered.receipts));
    // The last record of before could have got another line: it goes again.
    assert_eq!((exported.receipted, exported.events), (1, 6));
    let delivered = carry::import(&carrier, &news).await.unwrap();
    assert_eq!(delivered.durable_events, 6);
    assert_eq!(world.ids().await.len(), 55);

    // A stick in the hands of a plain device is taken to no gateway.
    let plain = world.config("pc-1", EnrollRole::Device);
    let refused = carry::import(&plain, &news).await.unwrap_err();
    assert!(refused.to_string().contains("role"), "{refused}");
    assert_eq!(world.river.stop(), Some(0));
}
