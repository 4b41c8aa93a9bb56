//! The gateway that is attacked: mutual TLS, a store behind it on a real
//! ClickHouse, and one good device that must never notice anything.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use kbwatch_clickhouse_engine::testing::{TestEngine, engine};
use kbwatch_ingest::config::{EnrolmentConfig, ReceiveConfig, StoreConfig, TlsConfig, TlsVersion};
use kbwatch_ingest::pki::{Authority, CertifiedKey, Tokens};
use kbwatch_ingest::receive::Gate;
use kbwatch_ingest::store::{self, Feed};
use kbwatch_ingest::{Journal, Metrics, migrate};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::sync::{Mutex, watch};
use tonic::Status;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::device::{Stream, open};
use crate::papers::Foreign;

/// Longest wait for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One test at a time: memory and waiting times are measured.
pub(crate) static ALONE: Mutex<()> = Mutex::const_new(());

/// What was counted, by name and label.
pub(crate) type Counts = BTreeMap<String, u64>;

/// A whole ingest, thrown away at the end of its test.
pub(crate) struct Fort {
    engine: TestEngine,
    pub(crate) authority: Authority,
    /// Authorities that are trusted too, with lists of their own.
    pub(crate) foreign: Foreign,
    pub(crate) address: SocketAddr,
    /// Where devices enrol.
    pub(crate) enrolment: SocketAddr,
    /// Without TLS, for who may only declare itself.
    pub(crate) plain: SocketAddr,
    pub(crate) metrics: Metrics,
    registry: Registry,
    _stop: watch::Sender<bool>,
    files: tempfile::TempDir,
}

impl Fort {
    pub(crate) async fn start(store: StoreConfig) -> Self {
        let engine = engine().await;
        migrate(&engine.client()).await.unwrap();
        let files = tempfile::tempdir().unwrap();
        let authority = Authority::load_or_create(&files.path().join("pki")).unwrap();
        let foreign = Foreign::make();
        let config = guarded(files.path(), &authority, &foreign);
        let (stop, shutdown) = watch::channel(false);
        let metrics = Metrics::default();
        let (journal, entries) = Journal::direct(1_024);
        let feed = Feed::Direct(entries);
        tokio::spawn(store::run(
            store,
            feed,
            engine.client(),
            metrics.clone(),
            shutdown.clone(),
        ));
        let mut addresses = Vec::new();
        let plain = ReceiveConfig {
            tls: None,
            enrolment: None,
            ..config.clone()
        };
        let mut enrolment = None;
        for config in [config, plain] {
            let gate = Gate::open(config).await.unwrap();
            addresses.push(gate.address());
            enrolment = enrolment.or(gate.enrolment_address());
            tokio::spawn(gate.serve(journal.clone(), metrics.clone(), shutdown.clone()));
        }
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        Self {
            engine,
            authority,
            foreign,
            address: addresses[0],
            enrolment: enrolment.unwrap(),
            plain: addresses[1],
            metrics,
            registry,
            _stop: stop,
            files,
        }
    }

    /// A token for a device that an operator gave out then, good for a day.
    pub(crate) fn token(&self, device: &str, then: SystemTime) -> String {
        let tokens = Tokens::open(&self.files.path().join("pki")).unwrap();
        let day = Duration::from_hours(24);
        tokens.give_out(device, None, then, day).unwrap()
    }

    /// TLS that trusts the gateway and shows this certificate.
    pub(crate) fn tls(&self, own: Option<&CertifiedKey>) -> ClientTlsConfig {
        let trusting = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(self.authority.cert_pem()))
            .domain_name("localhost");
        match own {
            Some(own) => trusting.identity(Identity::from_pem(&own.cert_pem, &own.key_pem)),
            None => trusting,
        }
    }

    /// A connection under a certificate, or without one.
    pub(crate) async fn connect(
        &self,
        own: Option<&CertifiedKey>,
    ) -> Result<Channel, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(format!("https://{}", self.address)).unwrap();
        endpoint.tls_config(self.tls(own)).unwrap().connect().await
    }

    /// A stream under a certificate.
    pub(crate) async fn stream(&self, own: &CertifiedKey) -> Result<Stream, Status> {
        let channel = self.connect(Some(own)).await;
        open(channel.map_err(|error| Status::unavailable(error.to_string()))?).await
    }

    /// A stream of a device with its own certificate.
    pub(crate) async fn device(&self, id: &str) -> Stream {
        self.stream(&self.authority.device(id).unwrap())
            .await
            .unwrap()
    }

    /// What the metrics page shows: `denials no_certificate`.
    pub(crate) fn counts(&self) -> Counts {
        let mut page = String::new();
        encode(&mut page, &self.registry).unwrap();
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(counted).collect()
    }

    /// Distinct events of one device, as every reader sees them.
    pub(crate) async fn stored_of(&self, device_id: &str) -> u64 {
        let sql = "SELECT count() FROM v_update_events WHERE device_id = ?";
        let asked = self.engine.client();
        asked.query(sql).bind(device_id).fetch_one().await.unwrap()
    }
}

/// Quick deadlines and receipts, so that tests do not wait.
pub(crate) fn quick_store() -> StoreConfig {
    StoreConfig {
        group_age_ms: 20,
        ..StoreConfig::default()
    }
}

fn guarded(folder: &std::path::Path, authority: &Authority, foreign: &Foreign) -> ReceiveConfig {
    let server = authority.server(&["localhost", "127.0.0.1"]).unwrap();
    let (cert, key) = server.write(folder, "gateway").unwrap();
    let client_ca = folder.join("ca.pem");
    std::fs::write(
        &client_ca,
        authority.cert_pem().to_owned() + &foreign.root_pem,
    )
    .unwrap();
    let stolen = foreign.stolen_of(authority);
    let list = authority.revoke(folder, &[&stolen.cert_pem]).unwrap();
    let lists = std::fs::read_to_string(&list).unwrap() + &foreign.lists_pem;
    std::fs::write(&list, lists).unwrap();
    ReceiveConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: Some(TlsConfig {
            cert,
            key,
            client_ca,
            client_crl: Some(list),
            min_version: TlsVersion::default(),
        }),
        enrolment: Some(EnrolmentConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            authority: folder.join("pki"),
            valid_days: 1,
        }),
        handshake_deadline_ms: 700,
        message_deadline_ms: 700,
        keepalive_s: 1,
        ..ReceiveConfig::default()
    }
}

/// `kbwatch_receive_denials_total{reason="x"} 3` as `denials x` and 3.
fn counted(line: &str) -> Option<(String, u64)> {
    let (name, count) = line.rsplit_once(' ')?;
    let name = name.strip_prefix("kbwatch_")?;
    let name = name.strip_prefix("receive_").unwrap_or(name);
    let (name, labels) = name.split_once('{').unwrap_or((name, ""));
    let label = labels.split('"').nth(1).unwrap_or_default();
    let name = name.strip_suffix("_total").unwrap_or(name);
    let count = count.parse().ok()?;
    Some((format!("{name} {label}").trim_end().to_owned(), count))
}

/// Polls until something holds, or patience is over.
pub(crate) async fn until(mut holds: impl AsyncFnMut() -> bool) -> bool {
    let end = Instant::now() + PATIENCE;
    while !holds().await {
        if Instant::now() > end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}

/// Resident memory of this process, KiB: gateway, store and bad clients.
pub(crate) fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|rest| rest.split_ascii_whitespace().next());
    number.and_then(|kib| kib.parse().ok()).unwrap_or(0)
}
