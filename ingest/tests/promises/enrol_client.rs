//! The collector's own `enroll` against the real gateway, and against one that
//! is killed while it certifies.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use kbwatch_collector::enroll::{EnrollArgs, EnrollError, enroll};
use kbwatch_ingest::pki::{Authority, CertifiedKey};

use crate::commands::{free_address, ingest, on};
use crate::device::batch;
use crate::enrol::{start, token};
use crate::gateway::{fresh_database, until};

/// A device that has a configuration and nothing else.
struct Machine {
    folder: tempfile::TempDir,
    args: EnrollArgs,
}

impl Machine {
    fn new(ca: &Path, gateway: SocketAddr, token: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let config = format!(
            "gateway = 'https://localhost:7443'\nstate_dir = '{}'\n\
             [tls]\nca = '{}'\ncert = '{}'\nkey = '{}'\n",
            path("state").display(),
            ca.display(),
            path("own.pem").display(),
            path("own.key").display(),
        );
        std::fs::write(path("collector.toml"), config).unwrap();
        std::fs::write(path("token"), format!("{token}\n")).unwrap();
        let args = EnrollArgs {
            config: path("collector.toml"),
            gateway_enrol: format!("https://localhost:{}", gateway.port()),
            token: None,
            token_file: Some(path("token")),
            ca: None,
            device: Some("PC-1".to_owned()),
            replace: false,
        };
        Self { folder, args }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn own(&self) -> CertifiedKey {
        let read = |name| std::fs::read_to_string(self.path(name)).unwrap();
        CertifiedKey {
            cert_pem: read("own.pem"),
            key_pem: read("own.key"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_enrols_and_reports_with_what_it_got() {
    let river = start().await;
    let (folder, gateway) = (river.files.path(), river.enrolment.unwrap());
    let token = token(folder, "pc-1");
    let ca = folder.join("ca.pem");

    let mut other = Machine::new(&ca, gateway, &token);
    other.args.device = Some("pc-2".to_owned());
    let refused = enroll(&other.args).await;
    assert!(
        matches!(refused, Err(EnrollError::Refused(_))),
        "{refused:?}"
    );

    let machine = Machine::new(&ca, gateway, &token);
    assert_eq!(enroll(&machine.args).await.unwrap(), "pc-1");
    let mut stream = river.with_certificate(&machine.own()).await.unwrap();
    stream.deliver(batch(1, 0, 3)).await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let key = std::fs::metadata(machine.path("own.key")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
    }
    let again = enroll(&machine.args).await;
    assert!(
        matches!(again, Err(EnrollError::Present { .. })),
        "{again:?}"
    );
    let replacing = EnrollArgs {
        replace: true,
        ..machine.args.clone()
    };
    let refused = enroll(&replacing).await;
    assert!(
        matches!(refused, Err(EnrollError::Refused(_))),
        "{refused:?}"
    );
    assert!(
        river.with_certificate(&machine.own()).await.is_ok(),
        "it stays"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_tells_its_token_to_nobody_whom_it_cannot_trust() {
    let river = start().await;
    let (folder, gateway) = (river.files.path(), river.enrolment.unwrap());
    let foreign = folder.join("foreign.pem");
    let other = Authority::create("foreign").unwrap();
    std::fs::write(&foreign, other.cert_pem()).unwrap();
    let mut machine = Machine::new(&foreign, gateway, &token(folder, "pc-1"));
    let refused = enroll(&machine.args).await;
    assert!(
        matches!(refused, Err(EnrollError::Unreached { .. })),
        "{refused:?}"
    );
    machine.args.gateway_enrol = format!("http://{gateway}");
    let refused = enroll(&machine.args).await;
    assert!(
        matches!(refused, Err(EnrollError::Address(_))),
        "{refused:?}"
    );
    machine.args.gateway_enrol = format!("https://localhost:{}", gateway.port());
    machine.args.ca = Some(folder.join("ca.pem"));
    assert_eq!(enroll(&machine.args).await.unwrap(), "pc-1");
}

/// A gateway as a process, killed at the end of its scope.
struct Gateway(Child);

impl Drop for Gateway {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_killed_certifies_one_key_of_a_token_at_most() {
    let engine = fresh_database().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let authority = Authority::load_or_create(path).unwrap();
    let server = authority.server(&["localhost", "127.0.0.1"]).unwrap();
    server.write(path, "gateway").unwrap();
    let (gate, gateway) = (free_address(), free_address());
    let text = format!(
        "[receive]\nlisten = '{gate}'\n[receive.tls]\ncert = '{0}/gateway.pem'\n\
         key = '{0}/gateway.key'\nclient_ca = '{0}/ca.pem'\n\
         [receive.enrolment]\nlisten = '{gateway}'\nauthority = '{0}'\n",
        path.display()
    );
    let file = path.join("ingest.toml");
    std::fs::write(&file, text).unwrap();
    let start = async || {
        let mut receive = ingest(&["receive", "--config"]);
        on(&engine, &mut receive);
        let process = receive.arg(&file).stderr(Stdio::null()).spawn().unwrap();
        let process = Gateway(process);
        until("it listens", async || {
            tokio::net::TcpStream::connect(gateway).await.is_ok()
        })
        .await;
        process
    };
    let mut random = fastrand::Rng::with_seed(7);
    let ca = path.join("ca.pem");
    let mut lost = 0;
    for _ in 0..8 {
        let token = token(path, "pc-1");
        let machine = Machine::new(&ca, gateway, &token);
        let process = start().await;
        let args = machine.args.clone();
        let asking = tokio::spawn(async move { enroll(&args).await });
        tokio::time::sleep(Duration::from_micros(random.u64(2_000..30_000))).await;
        drop(process);
        let first = asking.await.unwrap();
        let _process = start().await;
        if first.is_err() {
            lost += 1;
            assert_eq!(enroll(&machine.args).await.unwrap(), "pc-1");
        }
        let thief = Machine::new(&ca, gateway, &token);
        let refused = enroll(&thief.args).await;
        assert!(
            matches!(refused, Err(EnrollError::Refused(_))),
            "{refused:?}"
        );
    }
    println!("{lost} of 8 answers were lost");
}
