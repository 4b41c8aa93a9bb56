//! A connection by hand: bytes over TLS, and HTTP/2 frames that no library
//! would send.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use kbwatch_ingest::pki::CertifiedKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::gateway::{Fort, PATIENCE};

/// What every HTTP/2 connection begins with.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RESET: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
const GOAWAY: u8 = 7;
pub(crate) const WINDOW: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// Time after which nobody listens.
const UNHEARD: Duration = Duration::from_millis(300);

/// How a client speaks TLS.
pub(crate) struct Accent {
    pub(crate) tls12_only: bool,
    pub(crate) protocols: &'static [&'static [u8]],
}

/// As a collector does.
pub(crate) const PROPER: Accent = Accent {
    tls12_only: false,
    protocols: &[b"h2"],
};

/// A TLS connection and what is known of its HTTP/2.
pub(crate) struct Line(TlsStream<TcpStream>);

/// TLS under a device's certificate.
pub(crate) async fn dial(fort: &Fort, own: &CertifiedKey, accent: &Accent) -> io::Result<Line> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(fort.authority.cert_pem().as_bytes());
    roots.add(authority.unwrap()).unwrap();
    let cert = CertificateDer::from_pem_slice(own.cert_pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).unwrap();
    let versions = if accent.tls12_only { &TLS12 } else { &TLS13 };
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[versions])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![cert], key)
        .unwrap();
    config.alpn_protocols = accent.protocols.iter().map(|name| name.to_vec()).collect();
    let tcp = TcpStream::connect(fort.address).await?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").unwrap();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, tcp);
    Ok(Line(connected.await?))
}

impl Line {
    /// A connection under a device's own certificate, begun as HTTP/2 demands.
    pub(crate) async fn open(fort: &Fort, id: &str) -> Self {
        let mut line = Self::silent(fort, id).await;
        line.say(PREFACE).await.unwrap();
        line.frame(SETTINGS, 0, 0, &[]).await.unwrap();
        line
    }

    /// A connection on which nothing was said yet.
    pub(crate) async fn silent(fort: &Fort, id: &str) -> Self {
        let own = fort.authority.device(id).unwrap();
        dial(fort, &own, &PROPER).await.unwrap()
    }

    /// A connection with one stream to the gateway's service.
    pub(crate) async fn streaming(fort: &Fort, id: &str) -> Self {
        let mut line = Self::open(fort, id).await;
        let headers = report_headers();
        line.frame(HEADERS, END_HEADERS, 1, &headers).await.unwrap();
        line
    }

    pub(crate) async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await?;
        self.0.flush().await
    }

    /// One frame (RFC 9113, section 4.1).
    pub(crate) async fn frame(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
    ) -> io::Result<()> {
        self.say(&frame(kind, flags, stream, payload)).await
    }

    /// Says something again and again until nobody listens any more, at most
    /// so often.
    pub(crate) async fn repeat(&mut self, times: usize, bytes: &[u8]) {
        for _ in 0..times {
            let said = tokio::time::timeout(UNHEARD, self.say(bytes)).await;
            if !matches!(said, Ok(Ok(()))) {
                return;
            }
        }
    }

    /// How it ends: `goaway CODE`, `reset CODE`, `answered` where the stream
    /// has its trailers, or `closed`.
    pub(crate) async fn end(mut self) -> String {
        let ended = tokio::time::timeout(PATIENCE, self.listen()).await;
        ended.unwrap_or_else(|_| "still open".to_owned())
    }

    async fn listen(&mut self) -> String {
        loop {
            let mut head = [0; 9];
            if self.0.read_exact(&mut head).await.is_err() {
                return "closed".to_owned();
            }
            let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; len as usize];
            if self.0.read_exact(&mut payload).await.is_err() {
                return "closed".to_owned();
            }
            match (head[3], head[4] & END_STREAM) {
                (GOAWAY, _) => return format!("goaway {}", code(&payload[4..8])),
                (RESET, _) => return format!("reset {}", code(&payload[..4])),
                (HEADERS | DATA, END_STREAM) => return "answered".to_owned(),
                _ => {}
            }
        }
    }
}

fn code(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().unwrap())
}

/// The bytes of one frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![len[1], len[2], len[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Header block of a call of the service, HPACK without any table.
pub(crate) fn report_headers() -> Vec<u8> {
    call_headers("/kbwatch.telemetry.v1.Gateway/Report")
}

/// Header block of a call of any path.
pub(crate) fn call_headers(path: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        header(&mut block, name, value);
    }
    block
}

/// A literal header without indexing (RFC 7541, section 6.2.2).
pub(crate) fn header(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        let len = u8::try_from(text.len()).unwrap();
        assert!(len < 127, "longer texts take a longer length");
        block.push(len);
        block.extend_from_slice(text.as_bytes());
    }
}

/// A gRPC message as it lies in DATA frames.
pub(crate) fn message(flag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut framed = vec![flag];
    framed.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
    framed.extend_from_slice(bytes);
    framed
}
