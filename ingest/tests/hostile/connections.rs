//! Bad clients by how they connect: no TLS, the wrong one, or hardly anything.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::gateway::{Fort, PATIENCE};
use crate::line::{Accent, Line, PREFACE, PROPER, dial};

/// Pause of who dribbles: shorter than any timeout that begins anew.
const DRIP: Duration = Duration::from_millis(50);

/// Head of a TLS record that announces a handshake message of 512 bytes, and
/// of the greeting within it.
const GREETING: [u8; 9] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc];

async fn closed(mut stream: TcpStream) -> String {
    let mut heard = Vec::new();
    match tokio::time::timeout(PATIENCE, stream.read_to_end(&mut heard)).await {
        Ok(_) => "closed".to_owned(),
        Err(_) => "still open".to_owned(),
    }
}

async fn accented(fort: &Fort, accent: &Accent) -> Option<Line> {
    let own = fort.authority.device("odd").unwrap();
    dial(fort, &own, accent).await.ok()
}

pub(crate) async fn plain_text(fort: &Fort) -> String {
    let mut stream = TcpStream::connect(fort.address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    closed(stream).await
}

pub(crate) async fn noise(fort: &Fort) -> String {
    let mut stream = TcpStream::connect(fort.address).await.unwrap();
    let mut bytes = vec![0; 100_000];
    fastrand::Rng::with_seed(11).fill(&mut bytes);
    // It may be hung up on before all is said.
    drop(stream.write_all(&bytes).await);
    closed(stream).await
}

pub(crate) async fn old_tls(fort: &Fort) -> String {
    let old = Accent {
        tls12_only: true,
        ..PROPER
    };
    match accented(fort, &old).await {
        Some(_) => "let in".to_owned(),
        None => "closed".to_owned(),
    }
}

pub(crate) async fn other_protocol(fort: &Fort) -> String {
    let web = Accent {
        protocols: &[b"http/1.1"],
        ..PROPER
    };
    match accented(fort, &web).await {
        Some(line) => line.end().await,
        None => "closed".to_owned(),
    }
}

pub(crate) async fn http1(fort: &Fort) -> String {
    let web = Accent {
        protocols: &[],
        ..PROPER
    };
    let mut line = accented(fort, &web).await.unwrap();
    let request = b"POST /kbwatch.telemetry.v1.Gateway/Report HTTP/1.1\r\n\r\n";
    line.say(request).await.unwrap();
    line.end().await
}

pub(crate) async fn silence(fort: &Fort) -> String {
    closed(TcpStream::connect(fort.address).await.unwrap()).await
}

pub(crate) async fn dribbled_handshake(fort: &Fort) -> String {
    let mut stream = TcpStream::connect(fort.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let bytes = GREETING.into_iter().chain(std::iter::repeat_n(0, 400));
    for byte in bytes {
        let said = stream.write_all(&[byte]).await;
        if said.is_err() || fort.metrics.broken("handshake_overdue") > 1 {
            break;
        }
        tokio::time::sleep(DRIP).await;
    }
    closed(stream).await
}

pub(crate) async fn silence_after_tls(fort: &Fort) -> String {
    Line::silent(fort, "mute").await.end().await
}

pub(crate) async fn dribbled_preface(fort: &Fort) -> String {
    let mut line = Line::silent(fort, "mute").await;
    for byte in &PREFACE[..PREFACE.len() - 1] {
        if line.say(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(DRIP).await;
    }
    line.end().await
}
