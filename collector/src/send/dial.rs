//! TCP, and TLS over it with whatever key signs for this device.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::client::WantsClientCert;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint, Error, Uri};
use tower::ServiceExt as _;

use super::SendError;
use crate::config::TlsConfig;
use crate::credentials::{self, CredentialsError};

/// What is spoken over TLS.
const PROTOCOL: &[u8] = b"h2";

/// A stream that is encrypted.
type Encrypted = TokioIo<TlsStream<TcpStream>>;

/// Opens encrypted streams to a gateway.
#[derive(Clone)]
pub(crate) struct Dialer {
    gateway: Uri,
    name: ServerName<'static>,
    tcp: HttpConnector,
    tls: TlsConnector,
}

impl Dialer {
    /// Reads certificates and key now.
    pub(super) fn new(
        gateway: &Uri,
        tls: &TlsConfig,
        patience: Duration,
    ) -> Result<Self, SendError> {
        Self::with(client_config(tls)?, gateway, patience)
    }

    /// Shows no certificate: this device has none yet.
    pub(crate) fn as_stranger(
        gateway: &Uri,
        tls: &TlsConfig,
        patience: Duration,
    ) -> Result<Self, SendError> {
        let mut config = trusting(tls)?.with_no_client_auth();
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Self::with(config, gateway, patience)
    }

    fn with(config: ClientConfig, gateway: &Uri, patience: Duration) -> Result<Self, SendError> {
        let host = gateway.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(|source| SendError::Nameless {
            gateway: gateway.to_string(),
            source,
        })?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(patience));
        Ok(Self {
            gateway: gateway.clone(),
            name,
            tcp,
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Connects an endpoint that was made with [`plain`].
    pub(crate) async fn connect(self, endpoint: &Endpoint) -> Result<Channel, Error> {
        let dial = tower::service_fn(move |_: Uri| self.clone().dial());
        endpoint.connect_with_connector(dial).await
    }

    async fn dial(self) -> Result<Encrypted, tower::BoxError> {
        let tcp = self.tcp.oneshot(self.gateway).await?;
        let stream = self.tls.connect(self.name, tcp.into_inner()).await?;
        if stream.get_ref().1.alpn_protocol() != Some(PROTOCOL) {
            return Err("whoever answers there does not speak HTTP/2 over TLS".into());
        }
        Ok(TokioIo::new(stream))
    }
}

/// The address without its encryption, which a [`Dialer`] adds.
pub(crate) fn plain(gateway: &Uri) -> Uri {
    let mut parts = gateway.clone().into_parts();
    parts.scheme = Some(tonic::codegen::http::uri::Scheme::HTTP);
    Uri::from_parts(parts).unwrap_or_else(|_| gateway.clone())
}

fn client_config(tls: &TlsConfig) -> Result<ClientConfig, CredentialsError> {
    let own = SingleCertAndKey::from(credentials::own(tls)?);
    let mut config = trusting(tls)?.with_client_cert_resolver(Arc::new(own));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

/// Believes the authorities that vouch for gateways, and nobody else.
fn trusting(
    tls: &TlsConfig,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, CredentialsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(credentials::authorities(tls)?);
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(CredentialsError::Key)?;
    Ok(builder.with_root_certificates(roots))
}
