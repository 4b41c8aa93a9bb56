//! Who comes to enrol: strangers, so that each has little room and little time.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;
use tracing::{debug, warn};

use crate::receive::audit::Audit;
use crate::receive::guard::Guards;
use crate::receive::handshake::{ACCEPT_PAUSE, handshake, next};
use crate::receive::identity::Denial;
use crate::receive::places::{Place, Places};
use crate::receive::presence::{Live, LiveStreams};

/// Handshakes at once.
const MAX_HANDSHAKES: usize = 128;

/// Connections from one address; a branch may be behind one.
const MAX_OF_ADDRESS: usize = 16;

/// Connections in all.
const MAX_CONNECTIONS: usize = 512;

/// For how long one may stay: a certificate is made in milliseconds.
const STAY: Duration = Duration::from_secs(15);

/// One that came to enrol, until its time is over.
pub(super) struct Visitor {
    stream: TlsStream<TcpStream>,
    peer: SocketAddr,
    leave: Pin<Box<Sleep>>,
    _places: [Live; 2],
}

/// Accepts connections until nobody takes them any more.
pub(super) fn accept(
    listener: TcpListener,
    guards: Guards,
    audit: Audit,
    deadline: Duration,
) -> ReceiverStream<io::Result<Visitor>> {
    let (ready, incoming) = mpsc::channel(8);
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
                let visitor = door.open(stream, peer, &place).await;
                drop(place);
                if let Some(visitor) = visitor {
                    // The gateway may have stopped meanwhile.
                    drop(ready.send(Ok(visitor)).await);
                }
            });
            places.held_by(number, task.abort_handle());
        }
    });
    ReceiverStream::new(incoming)
}

#[derive(Clone)]
struct Door {
    guards: Guards,
    audit: Audit,
    connections: LiveStreams,
    deadline: Duration,
}

impl Door {
    async fn open(self, stream: TcpStream, peer: SocketAddr, place: &Place) -> Option<Visitor> {
        let places = self.places(peer)?;
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "a connection keeps its delay");
        }
        let guard = self.guards.guard();
        let shaking = handshake(stream, &guard.enrolling, place);
        match tokio::time::timeout(self.deadline, shaking).await {
            Ok(Ok(stream)) => Some(Visitor {
                stream,
                peer,
                leave: Box::pin(tokio::time::sleep(STAY)),
                _places: places,
            }),
            Ok(Err(error)) => {
                self.audit.broke("enrol_handshake");
                debug!(%peer, %error, "a handshake broke");
                None
            }
            Err(_) => {
                self.audit.broke("enrol_handshake_overdue");
                None
            }
        }
    }

    /// Its place among those of its address, and among all.
    fn places(&self, peer: SocketAddr) -> Option<[Live; 2]> {
        let address = peer.ip().to_string();
        let own = self.enter(&address, peer, MAX_OF_ADDRESS)?;
        let common = self.enter("", peer, MAX_CONNECTIONS)?;
        Some([own, common])
    }

    fn enter(&self, of: &str, peer: SocketAddr, limit: usize) -> Option<Live> {
        let entered = self.connections.enter(of, peer.ip(), limit);
        if entered.is_none() {
            let denial = Denial::TooManyConnections {
                speaker: of.to_owned(),
                limit,
            };
            let reason = "enrol_too_many_connections";
            self.audit.denied(reason, Some(peer), &denial);
        }
        entered
    }
}

impl Visitor {
    /// The stream, until its time is over.
    fn stream(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> io::Result<Pin<&mut TlsStream<TcpStream>>> {
        let this = self.get_mut();
        if this.leave.as_mut().poll(context).is_ready() {
            let over = "the time to enrol is over";
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, over));
        }
        Ok(Pin::new(&mut this.stream))
    }
}

impl Connected for Visitor {
    type ConnectInfo = SocketAddr;

    fn connect_info(&self) -> SocketAddr {
        self.peer
    }
}

impl AsyncRead for Visitor {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream(context)?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Visitor {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream(context)?.poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream(context)?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream(context)?.poll_shutdown(context)
    }
}
