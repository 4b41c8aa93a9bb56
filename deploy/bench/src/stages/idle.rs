//! What streams cost that have nothing to say, and what it costs when all of
//! them come back at once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use kbwatch_ingest::pki::Authority;
use kbwatch_proto::telemetry::{Batch, GatewayClient, Receipt};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::child::Child;
use crate::{Failure, cpu};

/// Streams at once; each on a connection of its own. The most that a machine's
/// open files allow are measured of the last.
const STREAMS: [u32; 3] = [1_000, 10_000, 20_000];

/// Connections that come back, each with a handshake, a batch and a receipt.
const STORM: u32 = 20_000;

/// How many come at once.
const AT_ONCE: u32 = 256;

/// Devices that come back; each several times.
const DEVICES: u32 = 1_000;

/// One stream, held open.
type Held = (
    GatewayClient<Channel>,
    mpsc::Sender<Batch>,
    Streaming<Receipt>,
);

/// KiB per idle stream of ours, with and without TLS, and of a bare echo; and
/// the storm.
pub(super) fn figures(runtime: &Runtime) -> Result<Vec<(String, f64)>, Failure> {
    let folder = tempfile::tempdir()?;
    let authority = certificates(folder.path())?;
    let mut figures = Vec::new();
    for streams in STREAMS.map(|streams| streams.min(most_files())) {
        for kind in ["gateway", "echo", "gateway-tls"] {
            let kib = runtime.block_on(idle(kind, streams, folder.path(), &authority))?;
            figures.push((format!("KiB per idle stream, {streams}, {kind}"), kib));
        }
    }
    figures.extend(runtime.block_on(storm(folder.path(), authority))?);
    Ok(figures)
}

/// Certificates of a gateway, where [`Child`] finds them.
fn certificates(folder: &Path) -> Result<Authority, Failure> {
    let authority = Authority::load_or_create(folder)?;
    let server = authority.server(&["localhost", "127.0.0.1"])?;
    server.replace(folder, "gateway")?;
    authority.revoke(folder, &[])?;
    Ok(authority)
}

/// Connections that this process may open, a few handles left for itself.
fn most_files() -> u32 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|rest| rest.split_ascii_whitespace().next());
    let files: u32 = soft.and_then(|number| number.parse().ok()).unwrap_or(1_024);
    files.saturating_sub(200)
}

fn endpoint(
    kind: &str,
    port: u16,
    authority: &Authority,
    device: u32,
) -> Result<Endpoint, Failure> {
    if kind != "gateway-tls" {
        return Ok(Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?);
    }
    let own = authority.device(&format!("idle-{device}"))?;
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(authority.cert_pem()))
        .identity(Identity::from_pem(own.cert_pem, own.key_pem))
        .domain_name("localhost");
    Ok(Endpoint::from_shared(format!("https://127.0.0.1:{port}"))?.tls_config(tls)?)
}

/// Opens a stream and says one thing, which is answered.
async fn heard_once(endpoint: &Endpoint, device: u32) -> Result<Held, Failure> {
    let mut client = GatewayClient::new(endpoint.connect().await?);
    let (sender, batches) = mpsc::channel(1);
    sender.send(heartbeat(device)?).await?;
    let receipts = client.report(ReceiverStream::new(batches)).await?;
    let mut receipts = receipts.into_inner();
    receipts.next().await.ok_or("the stream ended")??;
    Ok((client, sender, receipts))
}

async fn idle(
    kind: &str,
    streams: u32,
    folder: &Path,
    authority: &Authority,
) -> Result<f64, Failure> {
    let folder = folder.display().to_string();
    let child = Child::start(&[kind, &folder])?;
    let before = resident_kib(child.pid())?;
    let mut open = Vec::new();
    for number in 0..streams {
        let endpoint = endpoint(kind, child.port, authority, number)?;
        open.push(heard_once(&endpoint, number).await?);
    }
    let after = resident_kib(child.pid())?;
    drop(open);
    Ok((after - before) / f64::from(streams))
}

async fn storm(folder: &Path, authority: Authority) -> Result<Vec<(String, f64)>, Failure> {
    let child = Child::start(&["gateway-tls", &folder.display().to_string()])?;
    let endpoints =
        (0..DEVICES).map(|number| endpoint("gateway-tls", child.port, &authority, number));
    let endpoints = Arc::new(endpoints.collect::<Result<Vec<_>, _>>()?);
    let next = Arc::new(AtomicU32::new(0));
    let spent = cpu::fine_seconds(child.pid());
    let before = resident_kib(child.pid())?;
    let begun = Instant::now();
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (endpoints, next) = (endpoints.clone(), next.clone());
        all.spawn(async move {
            let mut slowest = Duration::ZERO;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= STORM {
                    return Ok::<_, Failure>(slowest);
                }
                let device = number % DEVICES;
                let came = Instant::now();
                let endpoint = &endpoints[device as usize];
                drop(heard_once(endpoint, device).await?);
                slowest = slowest.max(came.elapsed());
            }
        });
    }
    let mut slowest = Duration::ZERO;
    while let Some(done) = all.join_next().await {
        slowest = slowest.max(done??);
    }
    let took = begun.elapsed().as_secs_f64();
    let spent = cpu::fine_seconds(child.pid()) - spent;
    let grown = resident_kib(child.pid())? - before;
    Ok(vec![
        (format!("s for {STORM} reconnects over TLS"), took),
        ("gateway CPU s of them".to_owned(), spent),
        ("slowest of them, s".to_owned(), slowest.as_secs_f64()),
        ("MiB that the gateway grew by".to_owned(), grown / 1_024.0),
    ])
}

fn heartbeat(number: u32) -> Result<Batch, Failure> {
    Ok(Batch {
        declared_device: format!("idle-{number}"),
        ..kbwatch_proto::batch::pack(&kbwatch_proto::batch::Contents::default())?
    })
}

fn resident_kib(pid: u32) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|rest| rest.split_ascii_whitespace().next());
    let kib: u32 = number.ok_or("no VmRSS")?.parse()?;
    Ok(f64::from(kib))
}
