//! A real gateway endpoint that takes notes and answers as it is told.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use kbwatch_collector::TlsConfig;
use kbwatch_proto::telemetry::{Batch, Gateway, GatewayServer, Outcome, Receipt};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType,
};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

use crate::world::{Notes, receipt};

/// How the gateway meets one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Durable,
    Retry,
    Refused,
    /// The batch is durable, but the connection breaks before its receipt.
    LoseReceipt,
    /// Nothing, for ever.
    Silence,
    /// The sender may not say this.
    Denied,
}

#[derive(Clone, Default)]
pub(crate) struct TestGateway {
    notes: Arc<Mutex<Notes>>,
    /// For the batches to come; afterwards everything is durable.
    script: Arc<Mutex<VecDeque<Answer>>>,
    streams: Arc<Mutex<u32>>,
}

impl TestGateway {
    pub(crate) fn answering(script: impl IntoIterator<Item = Answer>) -> Self {
        let gateway = Self::default();
        gateway.script.lock().unwrap().extend(script);
        gateway
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap()
    }

    /// How the batches to come are met.
    pub(crate) fn answer_next(&self, script: impl IntoIterator<Item = Answer>) {
        self.script.lock().unwrap().extend(script);
    }

    pub(crate) fn streams(&self) -> u32 {
        *self.streams.lock().unwrap()
    }

    /// Serves on a free port until dropped.
    pub(crate) fn serve(&self, tls: Option<ServerTlsConfig>) -> Serving {
        self.serve_at("127.0.0.1:0".parse().unwrap(), tls)
    }

    /// On a runtime of its own, so that dropping it breaks open streams too.
    pub(crate) fn serve_at(&self, at: SocketAddr, tls: Option<ServerTlsConfig>) -> Serving {
        let listener = bind(at);
        let address = listener.local_addr().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let gateway = self.clone();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let mut server = Server::builder();
            if let Some(tls) = tls {
                server = server.tls_config(tls).unwrap();
            }
            let serving = server
                .add_service(GatewayServer::new(gateway))
                .serve_with_incoming(TcpListenerStream::new(listener));
            serving.await.unwrap();
        });
        Serving {
            address,
            runtime: Some(runtime),
        }
    }

    fn answer(&self, batch: Batch) -> (Answer, Receipt) {
        let answer = self.script.lock().unwrap().pop_front();
        let answer = answer.unwrap_or(Answer::Durable);
        let outcome = match answer {
            Answer::Retry => Outcome::Retry,
            Answer::Refused => Outcome::Refused,
            _ => Outcome::Durable,
        };
        let mut receipt = receipt(&batch, outcome);
        if answer == Answer::Refused {
            "test".clone_into(&mut receipt.reason);
        }
        self.notes().take(batch);
        (answer, receipt)
    }
}

/// A gateway that was just dropped may still hold its port for a moment.
fn bind(at: SocketAddr) -> TcpListener {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match TcpListener::bind(at) {
            Ok(listener) => {
                listener.set_nonblocking(true).unwrap();
                return listener;
            }
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::yield_now();
    }
}

pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[tonic::async_trait]
impl Gateway for TestGateway {
    type ReportStream = ReceiverStream<Result<Receipt, Status>>;

    async fn report(
        &self,
        request: Request<Streaming<Batch>>,
    ) -> Result<Response<Self::ReportStream>, Status> {
        *self.streams.lock().unwrap() += 1;
        let mut batches = request.into_inner();
        let (answers, receipts) = mpsc::channel(16);
        let gateway = self.clone();
        tokio::spawn(async move {
            while let Some(Ok(batch)) = batches.next().await {
                let (answer, receipt) = gateway.answer(batch);
                let sent = match answer {
                    Answer::Silence => continue,
                    Answer::Denied => {
                        let denied = Status::permission_denied("no importer role");
                        answers.send(Err(denied)).await.ok();
                        return;
                    }
                    Answer::LoseReceipt => {
                        let broken = Status::unavailable("the test broke this stream");
                        answers.send(Err(broken)).await.ok();
                        return;
                    }
                    _ => answers.send(Ok(receipt)).await,
                };
                if sent.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receipts)))
    }
}

/// Certificates of an authority, a gateway and a device.
pub(crate) struct Pki {
    pub(crate) server: ServerTlsConfig,
    pub(crate) device: TlsConfig,
}

pub(crate) fn make_pki(folder: &Path, device_id: &str) -> Pki {
    let authority = TestAuthority::new(folder);
    Pki {
        server: authority.server(),
        device: authority.client(device_id, None),
    }
}

/// Issues certificates into a folder.
pub(crate) struct TestAuthority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl TestAuthority {
    pub(crate) fn new(folder: &Path) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            folder: folder.to_owned(),
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    pub(crate) fn server(&self) -> ServerTlsConfig {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        ServerTlsConfig::new()
            .identity(Identity::from_pem(pem, key.serialize_pem()))
            .client_ca_root(Certificate::from_pem(&self.pem))
    }

    /// Certificate of a device, with a role if it has one.
    pub(crate) fn client(&self, device_id: &str, role: Option<&str>) -> TlsConfig {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "PC");
        let uris = [
            Some(format!("urn:kbwatch:device:{device_id}")),
            role.map(|role| format!("urn:kbwatch:role:{role}")),
        ];
        for uri in uris.into_iter().flatten() {
            let name = SanType::URI(uri.as_str().try_into().unwrap());
            params.subject_alt_names.push(name);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        let write = |name: String, pem: &str| {
            let path = self.folder.join(name);
            std::fs::write(&path, pem).unwrap();
            path
        };
        TlsConfig {
            ca: write(format!("{device_id}-ca.pem"), &self.pem),
            cert: write(format!("{device_id}.pem"), &pem),
            key: write(format!("{device_id}.key"), &key.serialize_pem()),
            ..TlsConfig::default()
        }
    }
}

/// Waits for something to become true; the deadline is for a broken test.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
