//! The gRPC service: one stream per device, a receipt for every batch.
//!
//! A stream may have a few batches waiting; when its window is full it is not
//! read, and flow control holds the device back. Receipts go out in the order
//! in which batches become durable.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tracing::info;

use super::allowance::Limits;
use super::audit::Audit;
use super::branches::{Branches, BranchesError};
use super::certificates::{Files, Guard, TlsError};
use super::enrolment::Enrolment;
use super::guard::Guards;
use super::handshake::accept;
use super::presence::LiveStreams;
use super::service::Service;
use super::shared::Shared;
use crate::config::{ConfigError, ReceiveConfig, TlsConfig};
use crate::journal::Journal;
use crate::pki::PkiError;
use crate::{Metrics, stopped};

/// Streams that one connection may hold, as HTTP/2 counts them: somewhat more
/// than anybody may have, so that one too many is denied in words, counted and
/// audited.
const MAX_STREAMS_PER_CONNECTION: u32 = 256 + 16;

/// A gateway that cannot start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// A value that cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address is taken or not ours.
    #[error("listen on {address}; is another gateway running there?")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Certificates that cannot be used.
    #[error(transparent)]
    Certificate(#[from] TlsError),
    /// The list of who stands at which branch cannot be used.
    #[error(transparent)]
    Branches(#[from] BranchesError),
    /// The authority that signs for devices without a certificate cannot be used.
    #[error("open the enrolment of devices: look at receive.enrolment.authority")]
    Authority(#[from] PkiError),
    /// The listener broke.
    #[error("serve collectors")]
    Serve(#[source] tonic::transport::Error),
    /// Streams did not end within the grace period.
    #[error("stop the gateway: streams were left after {grace_ms} ms")]
    Grace {
        /// How long they had.
        grace_ms: u64,
    },
}

/// A gateway that listens and does not serve yet.
pub struct Gate {
    config: ReceiveConfig,
    tls: Option<(Guards, Files)>,
    branches: Branches,
    enrolment: Option<Enrolment>,
    listener: TcpListener,
    address: SocketAddr,
}

/// Listens and serves until shutdown.
///
/// # Errors
/// See [`ReceiveError`].
pub async fn serve(
    config: ReceiveConfig,
    journal: Journal,
    metrics: Metrics,
    shutdown: watch::Receiver<bool>,
) -> Result<(), ReceiveError> {
    let gate = Gate::open(config).await?;
    gate.serve(journal, metrics, shutdown).await
}

impl Gate {
    /// Checks the configuration, reads the certificates and takes the address;
    /// port 0 takes a free one.
    ///
    /// # Errors
    /// An impossible value, unusable certificates, or an address that is taken.
    pub async fn open(config: ReceiveConfig) -> Result<Self, ReceiveError> {
        config.check()?;
        let tls = config.tls.as_ref().map(guarded).transpose()?;
        let branches = Branches::read(config.branches.as_deref())?;
        let enrolment = match (&config.enrolment, &tls) {
            (Some(enrolment), Some((guards, _))) => {
                Some(Enrolment::open(enrolment, &guards.guard()).await?)
            }
            _ => None,
        };
        let failed = |source| ReceiveError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            config,
            tls,
            branches,
            enrolment,
            listener,
            address,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where devices without a certificate come by one, if they do.
    pub fn enrolment_address(&self) -> Option<SocketAddr> {
        self.enrolment.as_ref().map(|enrolment| enrolment.address)
    }

    /// Serves until shutdown: then it reads no more, gives the receipts that
    /// come within the grace period, and ends.
    ///
    /// # Errors
    /// See [`ReceiveError`].
    pub async fn serve(
        self,
        journal: Journal,
        metrics: Metrics,
        mut shutdown: watch::Receiver<bool>,
    ) -> Result<(), ReceiveError> {
        let config = Arc::new(self.config);
        let audit = Audit::new(metrics.clone());
        let service = Service::new(Arc::new(Shared {
            budget: Arc::new(Semaphore::new(config.max_in_flight_bytes)),
            config: config.clone(),
            journal,
            metrics: metrics.clone(),
            live: LiveStreams::default(),
            audit: audit.clone(),
            limits: Limits::of(&config, Instant::now()),
            branches: self.branches.clone(),
            shutdown: shutdown.clone(),
        }));
        info!(address = %self.address, tls = config.tls.is_some(), "receiving");
        let mut stop = shutdown.clone();
        let stop = async move { stopped(&mut stop).await };
        let server = builder(&config);
        let pause = Duration::from_millis(config.tls_poll_ms);
        let following = follow(self.tls.clone(), &config, metrics.clone());
        let placing = self.branches.follow(config.branches.clone(), pause);
        let deadline = Duration::from_millis(config.handshake_deadline_ms);
        let guards = self.tls.map(|(guards, _)| guards);
        let papers = (guards.clone(), audit.clone(), metrics);
        let enrolling = enrol(self.enrolment, papers, deadline, shutdown.clone());
        let serving: BoxFuture<'_, _> = if let Some(guards) = guards {
            let incoming = accept(self.listener, guards, audit, deadline);
            Box::pin(server.serve_with_incoming_shutdown(service, incoming, stop))
        } else {
            let incoming = TcpIncoming::from(self.listener).with_nodelay(Some(true));
            Box::pin(server.serve_with_incoming_shutdown(service, incoming, stop))
        };
        let overdue = async {
            stopped(&mut shutdown).await;
            // Streams end themselves within the grace period; connections get
            // a little longer to say good-bye.
            tokio::time::sleep(Duration::from_millis(config.grace_ms + 2_000)).await;
        };
        tokio::select! {
            ended = serving => ended.map_err(ReceiveError::Serve),
            failed = enrolling => Err(ReceiveError::Serve(failed)),
            () = overdue => Err(ReceiveError::Grace { grace_ms: config.grace_ms }),
            never = following => match never {},
            never = placing => match never {},
        }
    }
}

/// Serves who comes to enrol, for as long as it is polled; returns only when
/// that cannot go on.
async fn enrol(
    enrolment: Option<Enrolment>,
    (guards, audit, metrics): (Option<Guards>, Audit, Metrics),
    deadline: Duration,
    shutdown: watch::Receiver<bool>,
) -> tonic::transport::Error {
    // Without certificates nobody enrols: the configuration was checked.
    if let (Some(enrolment), Some(guards)) = (enrolment, guards) {
        let door = (guards, deadline);
        if let Err(failed) = enrolment.serve(door, audit, metrics, shutdown).await {
            return failed;
        }
    }
    std::future::pending().await
}

/// Reads the files of mutual TLS for the first time.
fn guarded(config: &TlsConfig) -> Result<(Guards, Files), TlsError> {
    let files = Files::read(config)?;
    let guard = Guard::of(&files, config)?;
    Ok((Guards::new(guard), files))
}

/// Whether the files of mutual TLS can be served with.
///
/// # Errors
/// Names the file that does not do.
pub fn check_certificates(config: &TlsConfig) -> Result<(), TlsError> {
    guarded(config).map(drop)
}

/// Takes up changed files, for as long as it is polled.
async fn follow(
    tls: Option<(Guards, Files)>,
    config: &ReceiveConfig,
    metrics: Metrics,
) -> Infallible {
    let (Some((guards, files)), Some(paths)) = (tls, &config.tls) else {
        return std::future::pending().await;
    };
    let pause = Duration::from_millis(config.tls_poll_ms);
    guards.follow(paths.clone(), files, pause, metrics).await
}

fn builder(config: &ReceiveConfig) -> Server {
    Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(config.keepalive_s)))
        .http2_keepalive_timeout(Some(Duration::from_secs(config.keepalive_s.min(20))))
        .initial_stream_window_size(512 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_concurrent_streams(MAX_STREAMS_PER_CONNECTION)
}
