//! Many real collectors in a child process, so that their CPU can be told
//! apart from that of whoever appends.

use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use kbwatch_collector::{CollectorConfig, SourcesConfig, TlsConfig};
use kbwatch_ingest::pki::Authority;
use tokio::sync::watch;

use crate::Failure;

use super::load;

/// First argument that makes this executable a host of collectors.
const ARGUMENT: &str = "bench-collectors";

/// Starts the child; it ends when its standard input is closed.
pub(crate) fn spawn(
    devices: u32,
    logs: &Path,
    certificates: &Path,
    port: u16,
) -> Result<Child, Failure> {
    Ok(Command::new(std::env::current_exe()?)
        .arg(ARGUMENT)
        .arg(devices.to_string())
        .arg(logs)
        .arg(certificates)
        .arg(port.to_string())
        .env("RUST_LOG", "warn")
        .stdin(Stdio::piped())
        .spawn()?)
}

/// Becomes the host of collectors if this process was started as one.
pub(crate) fn collectors_if_asked() -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [first, devices, logs, certificates, port] = arguments.as_slice() else {
        return None;
    };
    (first == ARGUMENT).then(|| {
        let hosted = devices
            .parse()
            .map_err(Failure::from)
            .and_then(|devices| host(devices, Path::new(logs), Path::new(certificates), port));
        match hosted {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(&error);
                ExitCode::FAILURE
            }
        }
    })
}

#[expect(clippy::print_stderr, reason = "the parent's terminal")]
fn complain(error: &Failure) {
    eprintln!("collectors: {error}");
}

fn host(devices: u32, logs: &Path, certificates: &Path, port: &str) -> Result<(), Failure> {
    let authority = Authority::load_or_create(certificates)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let (stop, shutdown) = watch::channel(false);
    let mut running = Vec::new();
    for device in 0..devices {
        load::append(logs, device, "")?;
        let config = config(&authority, certificates, logs, device, port)?;
        running.push(runtime.spawn(kbwatch_collector::run(config, shutdown.clone())));
    }
    // Until the parent lets go.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    stop.send(true)?;
    for collector in running {
        runtime.block_on(collector)??;
    }
    Ok(())
}

fn config(
    authority: &Authority,
    certificates: &Path,
    logs: &Path,
    device: u32,
    port: &str,
) -> Result<CollectorConfig, Failure> {
    let name = format!("bench-{device}");
    let folder = logs.join(&name);
    let (cert, key) = authority.device(&name)?.replace(&folder, "device")?;
    Ok(CollectorConfig {
        gateway: format!("https://localhost:{port}"),
        tls: Some(TlsConfig {
            ca: certificates.join("ca.pem"),
            cert,
            key,
            ..TlsConfig::default()
        }),
        state_dir: folder.join("state"),
        sources: SourcesConfig {
            cbs_log: Some(load::log_of(logs, device)),
            ..SourcesConfig::none()
        },
        utc_offset_minutes: Some(0),
        read_max_bytes_per_s: 0,
        send_max_bytes_per_s: 0,
        start_spread_ms: 0,
        ..CollectorConfig::default()
    })
}
