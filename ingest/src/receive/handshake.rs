//! Mutual TLS before anything is read: who shows a certificate that our
//! authority did not sign gets no further, and is counted and audited.
//!
//! Handshakes run beside each other, a bounded number of them and each with a
//! deadline: a peer that says nothing holds up nobody.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::rustls::{self, CertificateError};
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tracing::{debug, warn};

use super::certificates::Guard;
use super::connection::Connection;
use super::guard::{Guards, Pass};
use super::presence::LiveStreams;
use crate::Metrics;
use crate::metrics::Reason;

/// Handshakes at once; each costs a signature.
const MAX_HANDSHAKES: usize = 256;

/// Deadline of one handshake.
const DEADLINE: Duration = Duration::from_secs(10);

/// Pause after the system refused a connection, for example for want of file
/// handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until nobody takes them any more.
pub(super) fn accept(
    listener: TcpListener,
    guards: Guards,
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
            let (guards, metrics, ready) = (guards.clone(), metrics.clone(), ready.clone());
            let connections = connections.clone();
            tokio::spawn(async move {
                let guard = guards.guard();
                let done = shake(&guard, stream, peer, &metrics).await;
                drop(slot);
                let admitted = done.and_then(|stream| {
                    let pass = check_again(&guards, &guard, &stream, peer, &metrics)?;
                    admit((stream, pass), peer, &connections, &metrics)
                });
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
    guard: &Guard,
    stream: TcpStream,
    peer: SocketAddr,
    metrics: &Metrics,
) -> Option<TlsStream<TcpStream>> {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a connection keeps its delay");
    }
    let shaken = tokio::time::timeout(DEADLINE, guard.acceptor.accept(stream)).await;
    let error = match shaken {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => error,
        Err(_) => io::Error::from(io::ErrorKind::TimedOut),
    };
    let fault = error.get_ref().and_then(|inner| inner.downcast_ref());
    if let Some(reason) = fault.and_then(certificate_fault) {
        warn!(reason, %peer, %error, "denied a sender");
        metrics.denied.get_or_create(&Reason { reason }).inc();
    } else {
        let reason = "handshake";
        metrics.broken.get_or_create(&Reason { reason }).inc();
        debug!(%peer, %error, "a handshake broke");
    }
    None
}

/// Takes the connection on the list, unless the files changed meanwhile and
/// would keep it out.
fn check_again(
    guards: &Guards,
    guard: &Arc<Guard>,
    stream: &TlsStream<TcpStream>,
    peer: SocketAddr,
    metrics: &Metrics,
) -> Option<Pass> {
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    match guards.hold(guard, chain) {
        Ok(pass) => Some(pass),
        Err(error) => {
            let reason = certificate_fault(&error).unwrap_or("foreign_certificate");
            warn!(reason, %peer, %error, "denied a sender");
            metrics.denied.get_or_create(&Reason { reason }).inc();
            None
        }
    }
}

fn admit(
    stream: (TlsStream<TcpStream>, Pass),
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
pub(super) fn certificate_fault(fault: &rustls::Error) -> Option<&'static str> {
    match fault {
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => Some("expired_certificate"),
        rustls::Error::InvalidCertificate(CertificateError::Revoked) => Some("revoked_certificate"),
        rustls::Error::InvalidCertificate(CertificateError::UnknownRevocationStatus) => {
            Some("unlisted_certificate")
        }
        rustls::Error::InvalidCertificate(_) => Some("foreign_certificate"),
        _ => None,
    }
}
