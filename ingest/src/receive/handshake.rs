//! Mutual TLS before anything is read: who shows a certificate that our
//! authority did not sign gets no further, and is counted and audited.
//!
//! Handshakes run beside each other, a bounded number of them and each with a
//! deadline: a peer that says nothing holds up nobody.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{self, CertificateError, RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tracing::{debug, warn};

use super::connection::Connection;
use super::presence::LiveStreams;
use crate::Metrics;
use crate::config::TlsConfig;
use crate::metrics::Reason;

/// Handshakes at once; each costs a signature.
const MAX_HANDSHAKES: usize = 256;

/// Deadline of one handshake.
const DEADLINE: Duration = Duration::from_secs(10);

/// Pause after the system refused a connection, for example for want of file
/// handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM.
    #[error("read the certificate file {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: pem::Error,
    },
    /// A file holds nothing of what is needed.
    #[error("{path} holds no certificate")]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// The authority cannot verify anybody.
    #[error("verify collectors by {path}")]
    Authority {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Certificate and key do not fit each other.
    #[error("serve with the certificate {path} and its key")]
    Pair {
        /// Which certificate.
        path: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
}

/// Reads the files of mutual TLS.
pub(super) fn acceptor(config: &TlsConfig) -> Result<TlsAcceptor, TlsError> {
    let authority = |source: Box<dyn std::error::Error + Send + Sync>| TlsError::Authority {
        path: config.client_ca.clone(),
        source,
    };
    let pair = |source| TlsError::Pair {
        path: config.cert.clone(),
        source,
    };
    let provider = Arc::new(default_provider());
    let mut roots = RootCertStore::empty();
    for root in certificates(&config.client_ca)? {
        roots.add(root).map_err(|error| authority(error.into()))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
        // Who shows none is told so by the service, in words.
        .allow_unauthenticated()
        .build()
        .map_err(|error| authority(error.into()))?;
    let key = PrivateKeyDer::from_pem_file(&config.key).map_err(|source| TlsError::File {
        path: config.key.clone(),
        source,
    })?;
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(&config.cert)?, key)
        .map_err(pair)?;
    server.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::File {
        path: path.to_owned(),
        source,
    };
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    if found.is_empty() {
        return Err(TlsError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(found)
}

/// Accepts connections until nobody takes them any more.
pub(super) fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    metrics: Metrics,
) -> ReceiverStream<io::Result<Connection>> {
    // Done handshakes are taken at once; the queue only smooths.
    let (ready, incoming) = mpsc::channel(64);
    tokio::spawn(async move {
        let slots = Arc::new(Semaphore::new(MAX_HANDSHAKES));
        let connections = LiveStreams::default();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = ready.closed() => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(slot) = slots.clone().acquire_owned().await else {
                return;
            };
            let (acceptor, metrics, ready) = (acceptor.clone(), metrics.clone(), ready.clone());
            let connections = connections.clone();
            tokio::spawn(async move {
                let done = shake(&acceptor, stream, peer, &metrics).await;
                drop(slot);
                let admitted = done.and_then(|stream| admit(stream, peer, &connections, &metrics));
                if let Some(connection) = admitted {
                    // The gateway may have stopped meanwhile.
                    drop(ready.send(Ok(connection)).await);
                }
            });
        }
    });
    ReceiverStream::new(incoming)
}

async fn shake(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
    metrics: &Metrics,
) -> Option<TlsStream<TcpStream>> {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a connection keeps its delay");
    }
    let shaken = tokio::time::timeout(DEADLINE, acceptor.accept(stream)).await;
    let error = match shaken {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => error,
        Err(_) => io::Error::from(io::ErrorKind::TimedOut),
    };
    if let Some(reason) = certificate_fault(&error) {
        warn!(reason, %peer, %error, "denied a sender");
        metrics.denied.get_or_create(&Reason { reason }).inc();
    } else {
        let reason = "handshake";
        metrics.broken.get_or_create(&Reason { reason }).inc();
        debug!(%peer, %error, "a handshake broke");
    }
    None
}

fn admit(
    stream: TlsStream<TcpStream>,
    peer: SocketAddr,
    connections: &LiveStreams,
    metrics: &Metrics,
) -> Option<Connection> {
    let denial = match Connection::admit(stream, peer, connections) {
        Ok(connection) => return Some(connection),
        Err(denial) => denial,
    };
    let reason = denial.reason();
    warn!(reason, %peer, %denial, "denied a sender");
    metrics.denied.get_or_create(&Reason { reason }).inc();
    None
}

/// Why a certificate was not accepted, if that was it.
fn certificate_fault(error: &io::Error) -> Option<&'static str> {
    let fault = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    match fault {
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => Some("expired_certificate"),
        rustls::Error::InvalidCertificate(_) => Some("foreign_certificate"),
        _ => None,
    }
}
