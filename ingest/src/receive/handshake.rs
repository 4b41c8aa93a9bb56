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
use tokio::sync::mpsc;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::rustls::{self, CertificateError, ServerConfig};
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tracing::{debug, warn};

use super::audit::Audit;
use super::certificates::Guard;
use super::connection::Connection;
use super::guard::{Guards, Pass};
use super::places::{Place, Places};
use super::presence::LiveStreams;

/// Handshakes at once; each costs a signature, and some KiB.
const MAX_HANDSHAKES: usize = 1_024;

/// Pause after the system refused a connection, for example for want of file
/// handles.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What every handshake is done with.
#[derive(Clone)]
struct Door {
    guards: Guards,
    audit: Audit,
    connections: LiveStreams,
    deadline: Duration,
}

/// Accepts connections until nobody takes them any more.
pub(super) fn accept(
    listener: TcpListener,
    guards: Guards,
    audit: Audit,
    deadline: Duration,
) -> ReceiverStream<io::Result<Connection>> {
    // Done handshakes are taken at once; the queue only smooths.
    let (ready, incoming) = mpsc::channel(64);
    tokio::spawn(async move {
        let places = Places::new(MAX_HANDSHAKES, audit.clone());
        let door = Door {
            guards,
            audit,
            connections: LiveStreams::default(),
            deadline,
        };
        loop {
            let accepted = tokio::select! {
                accepted = next(&listener, &places) => accepted,
                () = ready.closed() => return,
            };
            let (stream, peer, place) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (door, ready) = (door.clone(), ready.clone());
            let number = place.number();
            let task = tokio::spawn(async move {
                if let Some(connection) = door.open(stream, peer, place).await {
                    // The gateway may have stopped meanwhile.
                    drop(ready.send(Ok(connection)).await);
                }
            });
            places.held_by(number, task.abort_handle());
        }
    });
    ReceiverStream::new(incoming)
}

/// The next connection, with a place for its handshake.
pub(super) async fn next(
    listener: &TcpListener,
    places: &Places,
) -> io::Result<(TcpStream, SocketAddr, Place)> {
    let place = places.take().await;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

/// Shakes hands, and lets it be known when the peer has greeted.
pub(super) async fn handshake(
    stream: TcpStream,
    server: &Arc<ServerConfig>,
    place: &Place,
) -> io::Result<TlsStream<TcpStream>> {
    let greeted = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    place.has_greeted();
    greeted.into_stream(server.clone()).await
}

impl Door {
    async fn open(self, stream: TcpStream, peer: SocketAddr, place: Place) -> Option<Connection> {
        let guard = self.guards.guard();
        let shaken = self.shake(&guard, stream, peer, &place).await;
        drop(place);
        let stream = shaken?;
        let pass = self.check_again(&guard, &stream, peer)?;
        let spoken = (&self.audit, self.deadline);
        let admitted = Connection::admit((stream, pass), peer, &self.connections, spoken);
        admitted
            .inspect_err(|denial| self.audit.denied(denial.reason(), Some(peer), denial))
            .ok()
    }

    async fn shake(
        &self,
        guard: &Guard,
        stream: TcpStream,
        peer: SocketAddr,
        place: &Place,
    ) -> Option<TlsStream<TcpStream>> {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "a connection keeps its delay");
        }
        let shaking = handshake(stream, &guard.server, place);
        let error = match tokio::time::timeout(self.deadline, shaking).await {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => error,
            Err(_) => {
                self.audit.broke("handshake_overdue");
                return None;
            }
        };
        let fault = error.get_ref().and_then(|inner| inner.downcast_ref());
        if let Some(reason) = fault.and_then(certificate_fault) {
            self.audit.denied(reason, Some(peer), &error);
        } else {
            self.audit.broke("handshake");
            debug!(%peer, %error, "a handshake broke");
        }
        None
    }

    /// Takes the connection on the list, unless the files changed meanwhile
    /// and would keep it out.
    fn check_again(
        &self,
        guard: &Arc<Guard>,
        stream: &TlsStream<TcpStream>,
        peer: SocketAddr,
    ) -> Option<Pass> {
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let held = self.guards.hold(guard, chain);
        held.inspect_err(|error| {
            let reason = certificate_fault(error).unwrap_or("foreign_certificate");
            self.audit.denied(reason, Some(peer), error);
        })
        .ok()
    }
}

/// Why a certificate was not accepted, if that was it.
pub(super) fn certificate_fault(fault: &rustls::Error) -> Option<&'static str> {
    match fault {
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => Some("expired_certificate"),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => Some("not_yet_valid_certificate"),
        rustls::Error::InvalidCertificate(CertificateError::Revoked) => Some("revoked_certificate"),
        rustls::Error::InvalidCertificate(CertificateError::UnknownRevocationStatus) => {
            Some("unlisted_certificate")
        }
        rustls::Error::InvalidCertificate(_) => Some("foreign_certificate"),
        _ => None,
    }
}
