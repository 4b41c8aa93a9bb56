//! The ground on which the demonstration stands: folders, ports, settings, and
//! what a patch manager would import.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use kbwatch_analyzer::ImportRollout;
use kbwatch_analyzer::config::Webhook;
use kbwatch_clickhouse_engine::Connection;
use kbwatch_ingest::config::KafkaConfig;
use kbwatch_simulator::plan::{Fate, FleetPlan, family};
use kbwatch_simulator::rollout::{release, targets_csv};
use kbwatch_simulator::truth::hex;

use super::Failure;
use crate::cli::Demo;
use crate::config::RiverConfig;
use crate::river::River;

/// Seconds between two signs of life, so that silence shows within minutes.
pub(super) const HEARTBEAT_S: u32 = 10;

/// Silence after which a device is called silent. Well over three heartbeats:
/// two cores serve the whole fleet and the whole river.
const SILENT_AFTER_S: u64 = 45;

/// Pages are shown here if nobody else does.
const USUAL_PORT: u16 = 8080;

/// Folders and names of one demonstration.
pub(super) struct Ground {
    river: PathBuf,
    fleet: PathBuf,
    secret: String,
    database: String,
    kafka: KafkaConfig,
    // Removed when dropped, unless a person named a folder to keep.
    _temporary: Option<tempfile::TempDir>,
}

impl Ground {
    pub(super) fn prepare(args: &Demo) -> Result<Self, Failure> {
        let (root, temporary) = if let Some(kept) = &args.data {
            (kept.clone(), None)
        } else {
            let folder = tempfile::Builder::new().prefix("kbwatch-demo-").tempdir()?;
            (folder.path().to_owned(), Some(folder))
        };
        // A topic and a group of its own: what earlier runs left is not ours.
        let tag = format!("demo-{}", std::process::id());
        Ok(Self {
            river: root.join("river"),
            fleet: root.join("fleet"),
            database: format!("kbwatch_demo_{}", std::process::id()),
            secret: format!("{tag}-{}", jiff::Timestamp::now().as_nanosecond()),
            kafka: KafkaConfig {
                brokers: args.kafka.clone().unwrap_or_default(),
                topic: format!("kbwatch.batches.{tag}"),
                group: format!("kbwatch-store-{tag}"),
                ..KafkaConfig::default()
            },
            _temporary: temporary,
        })
    }

    pub(super) fn river(&self) -> &Path {
        &self.river
    }

    pub(super) fn fleet(&self) -> &Path {
        &self.fleet
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    pub(super) fn kafka(&self) -> &KafkaConfig {
        &self.kafka
    }

    /// Settings of `kbwatch up`, but for times that must pass within minutes.
    pub(super) fn config(&self, args: &Demo, webhook: &str) -> Result<RiverConfig, Failure> {
        let mut config = RiverConfig::load(None, std::env::vars())?;
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        config.receive.listen = any_port;
        config.http = match args.http {
            Some(named) => named,
            None if args.once => any_port,
            None => free_from(USUAL_PORT),
        };
        config.kafka = self.kafka.clone();
        if let Some(given) = config.connection()? {
            // Whatever that server holds already is not ours.
            config.clickhouse.url = with_database(&given, &self.database);
        }
        config.analyzer.cycle_ms = 1_000;
        config.analyzer.presence_limit_s = SILENT_AFTER_S;
        config.analyzer.gone_silent_s = SILENT_AFTER_S;
        config.analyzer.webhooks = vec![Webhook {
            url: webhook.to_owned(),
            secret: self.secret.clone(),
        }];
        Ok(config)
    }
}

fn with_database(given: &Connection, database: &str) -> String {
    let host = given.url.trim_start_matches("http://");
    format!("http://{}:{}@{host}/{database}", given.user, given.password)
}

/// Removes the demonstration's database from a server that was there before.
pub(super) async fn remove_database(connection: &Connection) -> Result<(), Failure> {
    let statement = "DROP DATABASE IF EXISTS ?";
    let name = clickhouse::sql::Identifier(&connection.database);
    let client = connection.server_client();
    client.query(statement).bind(name).execute().await?;
    Ok(())
}

/// The first free port from here on.
fn free_from(port: u16) -> SocketAddr {
    (port..port.saturating_add(100))
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

/// Imports what a patch manager would: the release, the target list, the
/// depots, and the codes that this fleet was known to show before.
pub(super) async fn import(river: &River, plan: &FleetPlan) -> Result<(), Failure> {
    let now_ms = plan.config.now_ms;
    let release = release();
    let import = ImportRollout {
        name: format!("{} all branches", release.name),
        kbs: release
            .kbs
            .into_iter()
            .map(|kb| (kb.build, (kb.kb, Some(kb.ubr))))
            .collect(),
        release: release.name,
        targets: targets_csv(plan).into_bytes(),
        depots: Some(depots_csv(plan).into_bytes()),
        ..ImportRollout::default()
    };
    river.shared().import_rollout(&import, now_ms).await?;
    let baseline = baseline_csv(plan);
    river
        .shared()
        .import_baseline(baseline.as_bytes(), now_ms)
        .await?;
    Ok(())
}

fn depots_csv(plan: &FleetPlan) -> String {
    let rows = plan.depots.iter().map(|depot| {
        format!(
            "{},{},{},{},{}\n",
            depot.name, depot.path, depot.build, depot.edition, depot.language
        )
    });
    ["name,path,build,edition,language\n".to_owned()]
        .into_iter()
        .chain(rows)
        .collect()
}

/// In this bank any device may serve as a repair source: which one can, is for
/// the analyzer to find.
pub(super) fn donors(plan: &FleetPlan) -> Vec<String> {
    let devices = plan.devices.iter();
    devices.map(|device| device.hostname.clone()).collect()
}

/// Codes with which the updates of the month before failed.
fn baseline_csv(plan: &FleetPlan) -> String {
    let codes: BTreeSet<u32> = plan
        .devices
        .iter()
        .flat_map(|device| &device.attempts)
        .filter(|attempt| family(attempt.kb.build).is_some_and(|of| attempt.kb == of.earlier))
        .filter_map(|attempt| match attempt.fate {
            Fate::Failed { hresult, .. } => Some(hresult),
            _ => None,
        })
        .collect();
    let rows = codes.into_iter().map(|code| format!("{}\n", hex(code)));
    ["hresult\n".to_owned()].into_iter().chain(rows).collect()
}
