//! A connection that counts among those of its identity until it ends.
//!
//! Every connection and every stream may hold a half-received message, so what
//! one certificate may open is bounded, and so are strangers together. Who says
//! nothing, or no HTTP/2, or is denied over and over is hung up on.

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::audit::Audit;
use super::guard::Pass;
use super::identity::{Denial, Speaker};
use super::presence::{Live, LiveStreams};

/// Connections of everybody who shows no usable certificate, together: they
/// are told why and go.
const MAX_STRANGERS: usize = 64;

/// Denials in a row after which a connection is of no use to anybody.
const MAX_DENIALS: u32 = 32;

/// What every connection begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Who is at the other end, as all streams of a connection are told.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) local: Option<SocketAddr>,
    pub(super) peer: SocketAddr,
    pub(super) speaker: Result<Arc<Speaker>, Denial>,
    denials: Arc<AtomicU32>,
}

impl Caller {
    /// Counts a stream that was denied.
    pub(super) fn was_denied(&self) {
        self.denials.fetch_add(1, Ordering::Relaxed);
    }

    /// Forgets denials: of somebody who is of use.
    pub(super) fn was_heard(&self) {
        if self.denials.load(Ordering::Relaxed) > 0 {
            self.denials.store(0, Ordering::Relaxed);
        }
    }
}

/// A connection after its handshake.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    pass: Pass,
    caller: Caller,
    opening: Option<Box<Opening>>,
    _place: Live,
}

/// Until a connection has begun as it must.
struct Opening {
    audit: Audit,
    /// Bytes of the preface that were heard.
    heard: usize,
    deadline: Pin<Box<Sleep>>,
}

impl Connection {
    /// Gives a connection its place.
    ///
    /// # Errors
    /// [`Denial::TooManyConnections`].
    pub(super) fn admit(
        (stream, pass): (TlsStream<TcpStream>, Pass),
        peer: SocketAddr,
        connections: &LiveStreams,
        (audit, deadline): (&Audit, Duration),
    ) -> Result<Self, Denial> {
        let (tcp, session) = stream.get_ref();
        let speaker = match session.peer_certificates().and_then(<[_]>::first) {
            Some(leaf) => Speaker::of_certificate(leaf).map(Arc::new),
            None => Err(Denial::NoCertificate),
        };
        let (id, limit) = match &speaker {
            Ok(speaker) => (speaker.device_id.as_str(), speaker.max_connections()),
            // No device's id: the service will say what is wrong.
            Err(_) => ("", MAX_STRANGERS),
        };
        let place = connections.enter(id, peer.ip(), limit);
        let place = place.ok_or_else(|| Denial::TooManyConnections {
            speaker: id.to_owned(),
            limit,
        })?;
        let caller = Caller {
            local: tcp.local_addr().ok(),
            peer,
            speaker,
            denials: Arc::default(),
        };
        let opening = Opening {
            audit: audit.clone(),
            heard: 0,
            deadline: Box::pin(tokio::time::sleep(deadline)),
        };
        Ok(Self {
            stream,
            pass,
            caller,
            opening: Some(Box::new(opening)),
            _place: place,
        })
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut TlsStream<TcpStream>> {
        Pin::new(&mut self.get_mut().stream)
    }

    /// Why the gateway ends this connection, if it does.
    fn ended(&mut self, context: &mut Context<'_>) -> Option<io::Error> {
        let kind = io::ErrorKind::ConnectionAborted;
        if self.pass.is_void(context) {
            let revoked = "the gateway does not accept this certificate any more";
            return Some(io::Error::new(kind, revoked));
        }
        if self.caller.denials.load(Ordering::Relaxed) > MAX_DENIALS {
            return Some(io::Error::new(kind, "denied too often"));
        }
        let opening = self.opening.as_mut()?;
        if opening.is_over(context) {
            return Some(io::Error::new(kind, "nothing was said in time"));
        }
        None
    }

    /// Listens to how a connection begins.
    fn heard(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(opening) = &mut self.opening else {
            return Ok(());
        };
        let begun = opening.listen(bytes)?;
        // Strangers are told who may come in, and go.
        if begun && self.caller.speaker.is_ok() {
            self.opening = None;
        }
        Ok(())
    }
}

impl Opening {
    /// Whether the time is over; else the task is woken when it is.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        let over = self.deadline.as_mut().poll(context).is_ready();
        // Strangers have begun, and were told.
        if over && self.heard < PREFACE.len() {
            self.audit.broke("silent");
        }
        over
    }

    /// Whether all of the preface was heard.
    fn listen(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let expected = &PREFACE[self.heard..];
        let len = expected.len().min(bytes.len());
        if bytes[..len] != expected[..len] {
            self.audit.broke("no_http2");
            let kind = io::ErrorKind::InvalidData;
            return Err(io::Error::new(kind, "this is not HTTP/2"));
        }
        self.heard += len;
        Ok(self.heard == PREFACE.len())
    }
}

impl Connected for Connection {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Always polled while a connection lives: this is where it ends.
        if let Some(ended) = this.ended(context) {
            return Poll::Ready(Err(ended));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = read {
            this.heard(&buffer.filled()[before..])?;
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}
