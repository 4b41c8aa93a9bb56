//! The whole river in processes of its own, with everything it stands on.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use kbwatch_clickhouse_engine::{Connection, Engine, EngineConfig, testing};
use kbwatch_ingest::config::KafkaConfig;
use kbwatch_ingest::pki::Authority;

use super::devices::Log;
use super::disk::Disk;
use super::process::Process;
use crate::harness::free_port;
use crate::kafka::Broker;
use crate::line::Line;

/// Devices that report for as long as they live.
const DEVICES: u64 = 8;

/// The device whose certificate is revoked one day.
pub(super) const THIEF: &str = "pc-stolen";

/// Processes and lines by number.
pub(super) const RECEIVES: [usize; 2] = [0, 1];
pub(super) const STORES: [usize; 2] = [2, 3];
/// A store that comes for a while and goes.
pub(super) const GUEST: usize = 4;
pub(super) const FIRST_DEVICE: usize = 5;

pub(super) const TO_GATEWAYS: usize = 0;
pub(super) const TO_KAFKA: usize = 1;
pub(super) const TO_CLICKHOUSE: usize = 2;

/// Everything that runs, and everything that can break.
pub(super) struct World {
    pub(super) processes: Vec<Process>,
    pub(super) lines: Vec<Line>,
    pub(super) disks: [Disk; 2],
    pub(super) logs: Vec<Log>,
    pub(super) engine: Engine,
    pub(super) broker: Arc<Mutex<Broker>>,
    pub(super) authority: Authority,
    pub(super) papers: PathBuf,
    pub(super) kafka: KafkaConfig,
    // Dropped last: the others live in it.
    _folder: tempfile::TempDir,
}

impl World {
    pub(super) async fn begin() -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path();
        let disks = [
            Disk::of(768, folder.join("clickhouse")),
            Disk::of(1, folder.join("state")),
        ];
        let engine = Engine::start(EngineConfig {
            host_program: Some(testing::host_program()),
            ..EngineConfig::new(disks[0].folder.join("data"))
        })
        .await
        .unwrap();
        kbwatch_ingest::migrate(&engine.client()).await.unwrap();
        kbwatch_analyzer::migrate(&engine.client()).await.unwrap();

        let ports = [free_port(), free_port()];
        let kafka_port = free_port();
        let mut lines = vec![
            Line::to(&ports.map(local)),
            Line::to(&[local(kafka_port)]),
            Line::to(&[engine.url().trim_start_matches("http://").parse().unwrap()]),
        ];
        for line in &mut lines {
            line.mend().await;
        }
        let advertised = lines[TO_KAFKA].address.port();
        let broker =
            tokio::task::block_in_place(|| Broker::start_behind(folder, kafka_port, advertised));
        let papers = folder.join("papers");
        let authority = Authority::load_or_create(&papers).unwrap();
        new_certificate(&authority, &papers);
        authority.revoke(&papers, &[]).unwrap();
        let kafka = KafkaConfig {
            brokers: lines[TO_KAFKA].address.to_string(),
            ..KafkaConfig::default()
        };
        let mut world = Self {
            processes: Vec::new(),
            lines,
            disks,
            logs: Vec::new(),
            engine,
            broker: Arc::new(Mutex::new(broker)),
            authority,
            papers,
            kafka,
            _folder: home,
        };
        world.people(ports);
        world
    }

    fn folder(&self) -> &Path {
        self.papers.parent().unwrap()
    }

    /// Makes all processes and starts those that always run.
    fn people(&mut self, ports: [u16; 2]) {
        let folder = self.folder().to_owned();
        for (number, port) in ports.into_iter().enumerate() {
            let process = self.server(&format!("receive-{number}"), "receive", port);
            self.processes.push(process);
        }
        for name in ["store-0", "store-1", "store-guest"] {
            let process = self.server(name, "store", 0);
            self.processes.push(process);
        }
        for number in 0..=DEVICES {
            let device_id = match number {
                DEVICES => THIEF.to_owned(),
                _ => format!("pc-{number}"),
            };
            let log = Log::new(&folder.join(&device_id), number, &device_id);
            // Some keep their state where room runs out.
            let state = if number < 2 {
                self.disks[1].folder.join(&device_id)
            } else {
                folder.join(&device_id).join("state")
            };
            let process = self.device(&device_id, &state);
            self.processes.push(process);
            self.logs.push(log);
        }
        for (number, process) in self.processes.iter_mut().enumerate() {
            if number != GUEST {
                process.start();
            }
        }
    }

    fn server(&self, name: &str, command: &str, port: u16) -> Process {
        let (folder, papers) = (self.folder(), self.papers.display());
        let mut text = format!(
            "[kafka]\nbrokers = \"{}\"\npartitions = 6\ndelivery_deadline_ms = 5000\n\
             [store]\ngroup_age_ms = 100\ninsert_deadline_ms = 4000\nretry_cap_ms = 1000\n\
             grace_ms = 8000\n\
             [receive]\nlisten = \"127.0.0.1:{port}\"\nreceipt_deadline_ms = 6000\n\
             retry_after_ms = 500\ngrace_ms = 5000\ntls_poll_ms = 500\n",
            self.kafka.brokers
        );
        write!(
            text,
            "[receive.tls]\ncert = \"{papers}/gateway.pem\"\nkey = \"{papers}/gateway.key\"\n\
             client_ca = \"{papers}/ca.pem\"\nclient_crl = \"{papers}/crl.pem\"\n"
        )
        .unwrap();
        let file = folder.join(format!("{name}.toml"));
        std::fs::write(&file, text).unwrap();
        let Connection {
            user,
            password,
            database,
            ..
        } = self.engine.connection();
        let url = format!("http://{}", self.lines[TO_CLICKHOUSE].address);
        let arguments = [command, "--config", file.to_str().unwrap()];
        Process::new(name, "kbwatch-ingest", &arguments, folder).with(&[
            ("KBWATCH_CLICKHOUSE_URL", &url),
            ("KBWATCH_CLICKHOUSE_USER", user),
            ("KBWATCH_CLICKHOUSE_PASSWORD", password),
            ("KBWATCH_CLICKHOUSE_DATABASE", database),
            ("RUST_LOG", "info"),
        ])
    }

    fn device(&self, device_id: &str, state: &Path) -> Process {
        let own = self.folder().join(device_id);
        let made = self.authority.device(device_id).unwrap();
        let (cert, key) = made.replace(&own, device_id).unwrap();
        let facts = own.join("facts.json");
        std::fs::write(
            &facts,
            r#"{"hostname": "PC", "class": "pc", "ubr": "3770"}"#,
        )
        .unwrap();
        let text = format!(
            "gateway = \"https://localhost:{port}\"\nstate_dir = '{state}'\n\
             facts_file = '{facts}'\nutc_offset_minutes = 0\nheartbeat_s = 5\npoll_ms = 200\n\
             batch_max_events = 100\nbatch_max_age_ms = 500\ncheckpoint_s = 1\n\
             start_spread_ms = 0\nconnect_timeout_ms = 3000\nreceipt_timeout_ms = 17000\n\
             backoff_max_ms = 2000\nstop_grace_ms = 3000\nread_max_bytes_per_s = 0\n\
             send_max_bytes_per_s = 0\n\
             [tls]\nca = '{ca}'\ncert = '{cert}'\nkey = '{key}'\n\
             [sources]\ncbs_log = '{log}'\nevent_channels = false\n",
            port = self.lines[TO_GATEWAYS].address.port(),
            state = state.display(),
            facts = facts.display(),
            ca = self.papers.join("ca.pem").display(),
            cert = cert.display(),
            key = key.display(),
            log = own.join("CBS.log").display(),
        );
        let file = own.join("collector.toml");
        std::fs::write(&file, text).unwrap();
        let arguments = ["run", "--config", file.to_str().unwrap()];
        Process::new(device_id, "kbwatch-collector", &arguments, self.folder())
    }

    /// Starts what is due.
    pub(super) fn tend(&mut self) {
        for process in &mut self.processes {
            process.tend();
        }
    }
}

/// A gateway's certificate as an administrator renews it: each file at once,
/// the pair not.
pub(super) fn new_certificate(authority: &Authority, papers: &Path) {
    let made = authority.server(&["localhost", "127.0.0.1"]).unwrap();
    let (cert, key) = made.write(&papers.join("next"), "gateway").unwrap();
    std::fs::rename(cert, papers.join("gateway.pem")).unwrap();
    std::fs::rename(key, papers.join("gateway.key")).unwrap();
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
