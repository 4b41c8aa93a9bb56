//! The collector's real .exe on a Windows, reporting to a river on Linux.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kbwatch_clickhouse_engine::{Connection, testing};
use kbwatch_collector::parse::{FileKind, parse_file};
use kbwatch_one_machine::cli::EnrollRole;
use kbwatch_one_machine::pki;

use crate::harness::{PATIENCE, Plan, UpProcess, eventually};
use crate::wine::{Wine, executable};

/// Largest .exe that is put on an endpoint.
const MAX_EXE_LEN: u64 = 10_000_000;

const DEVICE: &str = "win-1";

const SERVICE: &str = "kbwatch-collector";

/// Sessions in the log, each of which gives events.
const SESSIONS: usize = 240;

/// Kills of the collector while the log grows.
const KILLS: usize = 6;

/// A river whose database the test can ask while it runs.
struct World {
    river: UpProcess,
    database: Connection,
}

impl World {
    async fn start(folder: &Path, wine: &Wine, settings: &str) -> Self {
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
    async fn stored(&self) -> BTreeSet<String> {
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
    async fn facts(&self) -> BTreeMap<String, String> {
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
    async fn stores(&self, least: usize) {
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

/// CBS.log as Windows writes it: grows, and is renamed when it is long.
struct ServicingLog {
    folder: PathBuf,
    archives: usize,
}

impl ServicingLog {
    fn new(wine: &Wine) -> Self {
        let folder = wine.drive_c().join("windows/logs/CBS");
        fs::create_dir_all(&folder).unwrap();
        Self {
            folder,
            archives: 0,
        }
    }

    fn append(&self, text: &str) {
        let mut live = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("CBS.log"))
            .unwrap();
        live.write_all(text.as_bytes()).unwrap();
    }

    /// Renames the live log; the next line begins another.
    fn rotate(&mut self) {
        let archive = self.next_archive();
        fs::rename(self.folder.join("CBS.log"), self.folder.join(archive)).unwrap();
    }

    /// The same by a program of this Windows, which must be let through while
    /// the collector reads.
    fn rotate_within(&mut self, wine: &Wine) {
        let archive = self.next_archive();
        let live = r"C:\Windows\Logs\CBS\CBS.log";
        let (code, said) = wine.run(&["cmd", "/c", "ren", live, &archive]);
        assert_eq!(code, Some(0), "{said}");
        assert!(self.folder.join(archive).exists());
    }

    fn next_archive(&mut self) -> String {
        self.archives += 1;
        format!("CbsPersist_202301120000{:02}.log", self.archives)
    }

    /// The ids of all events in all files, by the same grammars.
    fn expected(&self) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        for entry in fs::read_dir(&self.folder).unwrap() {
            let path = entry.unwrap().path();
            let parsed = parse_file(&path, Some(FileKind::Cbs), DEVICE).unwrap();
            ids.extend(parsed.events.iter().map(|event| {
                let mut id = String::new();
                for byte in event.event_id.0 {
                    write!(id, "{byte:02x}").unwrap();
                }
                id
            }));
        }
        ids
    }
}

/// One servicing session that fails, in the words of CBS.log.
fn session(number: usize) -> String {
    let time = format!(
        "2023-01-11 {:02}:{:02}:{:02}",
        8 + number / 3600,
        number / 60 % 60,
        number % 60
    );
    let session = format!("31008088_{}", 179_744_519 + number);
    let package = "Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.3887.1.6";
    let code = "[HRESULT = 0x800f0985 - PSFX_E_APPLY_REVERSE_DELTA_FAILED]";
    format!(
        "{time}, Info                  CBS    Exec: Processing started.  Client: UpdateAgentLCU, Session: {session}, Package: {package}, Identifier: KB5022286\r\n\
         {time}, Info                  CBS    Exec: Processing complete.  Session: {session}, Package: {package}, Identifier: KB5022286 {code}\r\n\
         {time}, Info                  CBS    Session: {session} finalized. Reboot required: no {code}\r\n"
    )
}

#[test]
fn the_exe_is_small() {
    // Where there is none, the other tests say so.
    if let Ok(found) = fs::metadata(executable()) {
        assert!(found.len() <= MAX_EXE_LEN, "{} bytes", found.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exe_reports_every_event_once_through_kills_and_rotations() {
    let Some(wine) = tokio::task::block_in_place(Wine::start) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(folder.path(), &wine, "history_days = 36500").await;
    let mut log = ServicingLog::new(&wine);
    let mut collector = wine.start_collector();
    for number in 0..SESSIONS {
        log.append(&session(number));
        if number % (SESSIONS / KILLS) != SESSIONS / KILLS / 2 {
            continue;
        }
        // It is at work and not done when it dies.
        world.stores(log.expected().len() / 2).await;
        assert!(collector.is_alive());
        let round = number / (SESSIONS / KILLS);
        if round % 3 == 1 {
            tokio::task::block_in_place(|| log.rotate_within(&wine));
        }
        drop(collector);
        if round % 3 == 2 {
            // While it is down, and more than once.
            log.rotate();
            log.append(&session(SESSIONS + number));
            log.rotate();
        }
        collector = wine.start_collector();
    }
    let expected = log.expected();
    assert!(expected.len() >= SESSIONS, "{}", expected.len());
    world.stores(expected.len()).await;
    assert_eq!(world.stored().await, expected);
    assert!(collector.is_alive());
    // A collector that died leaves nothing that keeps the river from stopping.
    drop(collector);
    assert_eq!(world.river.stop(), Some(0));
}

/// Whether `check` shows a collector that has done its work.
fn is_well(screen: &str) -> bool {
    [
        "Nothing is wrong.",
        "runs, was started",
        "read to its",
        "answers",
        "waits for a restart",
    ]
    .iter()
    .all(|words| screen.contains(words))
}

/// What the registry of a real machine would say.
fn fill_registry(wine: &Wine) {
    let version = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion";
    let servicing = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing";
    let rollup = format!(
        "{servicing}\\Packages\\Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.3770.1.4"
    );
    let pending = format!("{servicing}\\RebootPending");
    let facts = r"HKLM\SOFTWARE\Policies\kbwatch\Facts";
    let settings = r"HKLM\SOFTWARE\Policies\kbwatch\Collector";
    for (key, name, kind, value) in [
        (version, "CurrentBuildNumber", "REG_SZ", "17763"),
        (version, "UBR", "REG_DWORD", "3770"),
        (version, "EditionID", "REG_SZ", "EnterpriseS"),
        (&rollup, "CurrentState", "REG_DWORD", "112"),
        (&pending, "odd", "REG_SZ", "1"),
        (facts, "image", "REG_SZ", "img-teller-2022b"),
        // Without these the old log would be passed over, and wine has no
        // event log to read.
        (settings, "history_days", "REG_DWORD", "36500"),
        (settings, "sources__event_channels", "REG_DWORD", "0"),
    ] {
        let (code, said) =
            wine.run(&["reg", "add", key, "/v", name, "/t", kind, "/d", value, "/f"]);
        assert_eq!(code, Some(0), "{key} {name}: {said}");
    }
}

/// Creates the service and starts it, once wine has started its own.
fn start_service(wine: &Wine) {
    let command =
        r"C:\kbwatch\kbwatch-collector.exe service --config C:\ProgramData\kbwatch\collector.toml";
    let deadline = Instant::now() + PATIENCE;
    loop {
        let created = wine.run(&["sc", "create", SERVICE, "binPath=", command]);
        let started = wine.run(&["net", "start", SERVICE]);
        if started.0 == Some(0) {
            return;
        }
        assert!(Instant::now() < deadline, "{created:?} {started:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_obeys_policy_states_its_facts_and_stops_when_told() {
    let Some(wine) = tokio::task::block_in_place(Wine::start) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(folder.path(), &wine, "").await;
    tokio::task::block_in_place(|| fill_registry(&wine));
    let log = ServicingLog::new(&wine);
    log.append(&(0..20).map(session).collect::<String>());
    tokio::task::block_in_place(|| start_service(&wine));
    world.stores(log.expected().len()).await;
    assert_eq!(world.stored().await, log.expected());

    let facts = world.facts().await;
    for (name, value) in [
        ("os_build", "17763"),
        ("ubr", "3770"),
        ("edition", "EnterpriseS"),
        ("arch", "amd64"),
        ("language", "en-US"),
        ("rollup_installed", "17763.3770.1.4"),
        ("pending_reboot", "true"),
        ("image", "img-teller-2022b"),
    ] {
        assert_eq!(
            facts.get(name).map(String::as_str),
            Some(value),
            "{name} in {facts:?}"
        );
    }
    assert!(
        facts.contains_key("hostname") && facts.contains_key("free_disk_gb"),
        "{facts:?}"
    );

    // Until the checkpoint is written and the status told.
    let exe = r"C:\kbwatch\kbwatch-collector.exe";
    let state = wine.drive_c().join("ProgramData/kbwatch/collector");
    tokio::task::block_in_place(|| {
        let mut screen = String::new();
        let deadline = Instant::now() + PATIENCE;
        while !is_well(&screen) {
            assert!(Instant::now() < deadline, "{screen}");
            screen = wine.run(&[exe, "check"]).1;
        }
        let (code, said) = wine.run(&["net", "stop", SERVICE]);
        assert_eq!(code, Some(0), "{said}");
        // The status is written before the last line of the log.
        eventually("it stops in order", || {
            fs::read_to_string(state.join("collector.log"))
                .is_ok_and(|said| said.contains("collector stopped"))
        });
    });
    let status = fs::read_to_string(state.join("status.json")).unwrap();
    assert!(status.contains("\"stopped\":true"), "{status}");
    assert_eq!(world.river.stop(), Some(0));
}
