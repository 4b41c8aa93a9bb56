//! A gateway and a store on a real ClickHouse, and devices that speak to them
//! over real gRPC.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use clickhouse::Client;
use kbwatch_clickhouse_engine::testing::{TestEngine, engine};
use kbwatch_ingest::config::{EnrolmentConfig, ReceiveConfig, StoreConfig, TlsConfig, TlsVersion};
use kbwatch_ingest::pki::{Authority, CertifiedKey};
use kbwatch_ingest::receive::{Gate, ReceiveError};
use kbwatch_ingest::store::{self, Feed, StoreError};
use kbwatch_ingest::{Journal, Metrics, migrate};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::device::{Stream, connect, open};
use crate::hearing::listen;

/// Longest wait for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A database with all tables of ingest.
pub(crate) async fn fresh_database() -> TestEngine {
    listen();
    let engine = engine().await;
    migrate(&engine.client()).await.unwrap();
    engine
}

/// A whole ingest, thrown away at the end of its test.
pub(crate) struct River {
    pub(crate) client: Client,
    pub(crate) authority: Authority,
    pub(crate) address: SocketAddr,
    /// Where devices enrol, if they do.
    pub(crate) enrolment: Option<SocketAddr>,
    pub(crate) metrics: Metrics,
    stop: watch::Sender<bool>,
    receive: JoinHandle<Result<(), ReceiveError>>,
    store: Option<JoinHandle<Result<(), StoreError>>>,
    pub(crate) files: tempfile::TempDir,
}

/// What guards a gateway: its authority and the files of its certificates.
struct Guarded {
    authority: Authority,
    files: tempfile::TempDir,
}

impl Guarded {
    /// The configuration of a gateway with mutual TLS on a free port.
    fn config(receive: &ReceiveConfig) -> (ReceiveConfig, Self) {
        let files = tempfile::tempdir().unwrap();
        let authority = Authority::load_or_create(files.path()).unwrap();
        let server = authority.server(&["localhost", "127.0.0.1"]).unwrap();
        let (cert, key) = server.write(files.path(), "gateway").unwrap();
        let client_ca = files.path().join("ca.pem");
        let list = authority.revoke(files.path(), &[]).unwrap();
        let config = ReceiveConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: Some(TlsConfig {
                cert,
                key,
                client_ca,
                client_crl: Some(list),
                min_version: TlsVersion::default(),
            }),
            enrolment: receive.enrolment.clone().map(|enrolment| EnrolmentConfig {
                authority: files.path().to_owned(),
                ..enrolment
            }),
            ..receive.clone()
        };
        (config, Self { authority, files })
    }
}

/// Quick groups and receipts, so that tests do not wait.
pub(crate) fn quick_store() -> StoreConfig {
    StoreConfig {
        group_age_ms: 20,
        retry_cap_ms: 200,
        presence_flush_ms: 50,
        accounts_flush_ms: 50,
        grace_ms: 500,
        ..StoreConfig::default()
    }
}

impl River {
    /// With mutual TLS, on a fresh database.
    pub(crate) async fn start() -> Self {
        Self::start_in(fresh_database().await).await
    }

    /// With mutual TLS, on a database that has its tables.
    pub(crate) async fn start_in(engine: TestEngine) -> Self {
        Self::start_on_client(engine.client()).await
    }

    /// With mutual TLS, on any server.
    pub(crate) async fn start_on_client(client: Client) -> Self {
        let (reader, config) = (client.clone(), ReceiveConfig::default());
        Self::start_with(reader, client, config).await
    }

    /// With mutual TLS; the store writes through `client`.
    pub(crate) async fn start_on(
        engine: TestEngine,
        client: Client,
        receive: ReceiveConfig,
    ) -> Self {
        Self::start_with(engine.client(), client, receive).await
    }

    /// With mutual TLS, into a journal whose store runs elsewhere.
    pub(crate) async fn start_into(engine: &TestEngine, journal: Journal) -> Self {
        let (config, guarded) = Guarded::config(&ReceiveConfig::default());
        let (stop, shutdown) = watch::channel(false);
        let parts = (engine.client(), journal, None);
        Self::open(parts, config, guarded, Metrics::default(), (stop, shutdown)).await
    }

    async fn start_with(reader: Client, client: Client, receive: ReceiveConfig) -> Self {
        let (config, guarded) = Guarded::config(&receive);
        Self::with_store((reader, client), config, guarded).await
    }

    /// Without TLS: devices declare themselves.
    pub(crate) async fn start_plain() -> Self {
        let client = fresh_database().await.client();
        let (mut config, guarded) = Guarded::config(&ReceiveConfig::default());
        config.tls = None;
        Self::with_store((client.clone(), client), config, guarded).await
    }

    async fn with_store(
        (reader, client): (Client, Client),
        config: ReceiveConfig,
        guarded: Guarded,
    ) -> Self {
        let (stop, shutdown) = watch::channel(false);
        let metrics = Metrics::default();
        let (journal, entries) = Journal::direct(64);
        let store = tokio::spawn(store::run(
            quick_store(),
            Feed::Direct(entries),
            client,
            metrics.clone(),
            shutdown.clone(),
        ));
        let parts = (reader, journal, Some(store));
        Self::open(parts, config, guarded, metrics, (stop, shutdown)).await
    }

    async fn open(
        (client, journal, store): (Client, Journal, Option<JoinHandle<Result<(), StoreError>>>),
        config: ReceiveConfig,
        guarded: Guarded,
        metrics: Metrics,
        (stop, shutdown): (watch::Sender<bool>, watch::Receiver<bool>),
    ) -> Self {
        let gate = Gate::open(config).await.unwrap();
        let (address, enrolment) = (gate.address(), gate.enrolment_address());
        let receive = tokio::spawn(gate.serve(journal, metrics.clone(), shutdown));
        Self {
            client,
            authority: guarded.authority,
            address,
            enrolment,
            metrics,
            stop,
            receive,
            store,
            files: guarded.files,
        }
    }

    /// A stream of a device with its own certificate.
    pub(crate) async fn device(&self, device_id: &str) -> Stream {
        self.with_certificate(&self.authority.device(device_id).unwrap())
            .await
            .unwrap()
    }

    /// A stream under any certificate.
    pub(crate) async fn with_certificate(&self, own: &CertifiedKey) -> Result<Stream, Status> {
        let identity = Identity::from_pem(&own.cert_pem, &own.key_pem);
        let tls = self.trust().identity(identity);
        open(connect(self.address, Some(tls)).await).await
    }

    /// A stream under a certificate, from another of our addresses.
    pub(crate) async fn from(&self, local: IpAddr, own: &CertifiedKey) -> Stream {
        let identity = Identity::from_pem(&own.cert_pem, &own.key_pem);
        let endpoint = Endpoint::from_shared(format!("https://{}", self.address)).unwrap();
        let endpoint = endpoint
            .tls_config(self.trust().identity(identity))
            .unwrap()
            .local_address(Some(local));
        open(endpoint.connect().await.unwrap()).await.unwrap()
    }

    /// TLS that trusts the gateway and shows nothing.
    pub(crate) fn trust(&self) -> ClientTlsConfig {
        ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(self.authority.cert_pem()))
            .domain_name("localhost")
    }

    /// A stream of a device that declares itself.
    pub(crate) async fn declared(&self) -> Stream {
        open(connect(self.address, None).await).await.unwrap()
    }

    /// Number of distinct events, as every reader sees them.
    pub(crate) async fn stored(&self) -> u64 {
        self.count("v_update_events").await
    }

    /// Rows of a table or view.
    pub(crate) async fn count(&self, from: &str) -> u64 {
        self.client
            .query(&format!("SELECT count() FROM {from}"))
            .fetch_one()
            .await
            .unwrap()
    }

    /// One text out of the database.
    pub(crate) async fn text(&self, sql: &str) -> String {
        self.client.query(sql).fetch_one().await.unwrap()
    }

    /// Stops both ends in order and says how they ended.
    pub(crate) async fn stop(self) -> (Result<(), ReceiveError>, Result<(), StoreError>) {
        self.stop.send_replace(true);
        let store = self.store.expect("a store of its own");
        (self.receive.await.unwrap(), store.await.unwrap())
    }

    /// Ends the store at once, wherever it is.
    pub(crate) async fn kill_store(&mut self) {
        let store = self.store.take().expect("a store of its own");
        store.abort();
        assert!(store.await.unwrap_err().is_cancelled());
    }
}

/// Polls until something holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < end, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
