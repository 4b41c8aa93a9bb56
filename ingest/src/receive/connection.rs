//! A connection that counts among those of its identity until it ends.
//!
//! Every connection and every stream may hold a half-received message, so what
//! one certificate may open is bounded, and so are strangers together.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::{Connected, TcpConnectInfo, TlsConnectInfo};

use super::guard::Pass;
use super::identity::{Denial, Speaker};
use super::presence::{Live, LiveStreams};

/// Connections of everybody who shows no usable certificate, together: they
/// are told why and go.
const MAX_STRANGERS: usize = 64;

/// A connection after its handshake.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    pass: Pass,
    _place: Live,
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
    ) -> Result<Self, Denial> {
        let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let speaker = certificates
            .first()
            .and_then(|leaf| Speaker::of_certificate(leaf).ok());
        let (id, limit) = match &speaker {
            Some(speaker) => (speaker.device_id.as_str(), speaker.max_connections()),
            // No device's id: the service will say what is wrong.
            None => ("", MAX_STRANGERS),
        };
        let place = connections.enter(id, peer.ip(), limit);
        let place = place.ok_or_else(|| Denial::TooManyConnections {
            speaker: id.to_owned(),
            limit,
        })?;
        Ok(Self {
            stream,
            pass,
            _place: place,
        })
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut TlsStream<TcpStream>> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl Connected for Connection {
    type ConnectInfo = TlsConnectInfo<TcpConnectInfo>;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
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
        if this.pass.is_void(context) {
            let revoked = "the gateway does not accept this certificate any more";
            let ended = io::Error::new(io::ErrorKind::ConnectionAborted, revoked);
            return Poll::Ready(Err(ended));
        }
        Pin::new(&mut this.stream).poll_read(context, buffer)
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
