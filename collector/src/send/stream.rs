//! The task behind a sender: connects, carries batches out and receipts in,
//! and connects again.

use std::time::Duration;

use kbwatch_proto::telemetry::{Batch, GatewayClient, Receipt};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint, Uri};

use super::backoff::Backoff;
use super::dial::{self, Dialer};
use super::why::explain;
use super::{SendError, millis};
use crate::config::{CollectorConfig, TlsConfig};
use crate::identity;

/// Bytes that the gateway may send ahead; receipts are small.
const RECEIVE_WINDOW: u32 = 16 * 1024;

/// The collector's end of an open stream; dropping it hangs up.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) batches: mpsc::Sender<Batch>,
    pub(super) hang_up: oneshot::Sender<()>,
}

#[derive(Debug)]
pub(super) enum Heard {
    Connected(Link),
    Receipt(Receipt),
    Disconnected,
}

/// What the connecting task needs to know.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) gateway: String,
    /// Who connects, for people.
    pub(super) device: String,
    pub(super) tls: Option<TlsConfig>,
    pub(super) connect_timeout: Duration,
    pub(super) backoff_max: Duration,
    pub(super) start_spread: Duration,
    pub(super) keepalive: Duration,
    pub(super) in_flight: usize,
}

impl Settings {
    pub(super) fn of(config: &CollectorConfig) -> Self {
        Self {
            gateway: config.gateway.clone(),
            device: identity::device_id(config).unwrap_or_default(),
            tls: config.tls.clone(),
            connect_timeout: millis(config.connect_timeout_ms),
            backoff_max: millis(config.backoff_max_ms),
            start_spread: millis(config.start_spread_ms),
            keepalive: Duration::from_secs(u64::from(config.keepalive_s)),
            in_flight: config.in_flight_batches as usize,
        }
    }

    /// Refuses what cannot be connected: certificates and key are read.
    pub(super) fn check(&self) -> Result<(), SendError> {
        self.endpoint().map(drop)
    }

    fn endpoint(&self) -> Result<(Endpoint, Option<Dialer>), SendError> {
        let unusable = |source| SendError::Unusable {
            gateway: self.gateway.clone(),
            source,
        };
        let gateway: Uri = self.gateway.parse().map_err(unusable)?;
        let (endpoint, dialer) = match &self.tls {
            None => (Endpoint::from(gateway), None),
            Some(tls) => (
                Endpoint::from(dial::plain(&gateway)).origin(gateway.clone()),
                Some(Dialer::new(&gateway, tls, self.connect_timeout)?),
            ),
        };
        let endpoint = endpoint
            .connect_timeout(self.connect_timeout)
            .http2_keep_alive_interval(self.keepalive)
            .keep_alive_timeout(self.connect_timeout)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true)
            .initial_stream_window_size(RECEIVE_WINDOW)
            .initial_connection_window_size(RECEIVE_WINDOW)
            .buffer_size(self.in_flight.max(1));
        Ok((endpoint, dialer))
    }

    pub(super) async fn connect(&self) -> Result<Channel, String> {
        let (endpoint, dialer) = self.endpoint().map_err(|error| chain(&error))?;
        let connecting = async {
            match dialer {
                None => endpoint.connect().await,
                Some(dialer) => dialer.connect(&endpoint).await,
            }
        };
        match tokio::time::timeout(self.connect_timeout, connecting).await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(error)) => Err(chain(&error)),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }
}

/// An error with everything behind it, for a person.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

pub(super) async fn keep_connected(settings: Settings, tell: mpsc::Sender<Heard>) {
    let mut backoff = Backoff::new(settings.backoff_max);
    tokio::select! {
        () = tell.closed() => return,
        () = tokio::time::sleep(settings.start_spread.mul_f64(fastrand::f64())) => {}
    }
    // An outage is told once, and so is its end.
    let mut complained = false;
    let mut standing = Standing::Unknown;
    loop {
        let why = match settings.connect().await {
            Ok(channel) => {
                let end = talk(channel, &settings, &tell, standing).await;
                if end.receipts > 0 {
                    backoff.reset();
                    complained = false;
                    standing = Standing::Accepted;
                }
                if tell.send(Heard::Disconnected).await.is_err() {
                    return;
                }
                end.why
            }
            Err(why) => why,
        };
        tokio::select! {
            () = tell.closed() => return,
            () = tokio::time::sleep(backoff.next()) => {}
        }
        let gateway = &settings.gateway;
        tracing::debug!(gateway, why, "no stream to the gateway");
        if !std::mem::replace(&mut complained, true) {
            standing = standing.lost();
            let why = explain(&why);
            tracing::warn!(gateway, "no connection to the gateway, trying again: {why}");
        }
    }
}

/// What people were told last of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nothing yet.
    Unknown,
    /// That the gateway takes what this device sends.
    Accepted,
    /// That it did, and does so no more.
    Lost,
}

impl Standing {
    fn lost(self) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            Self::Accepted | Self::Lost => Self::Lost,
        }
    }
}

/// The first receipt of a stream: only now the gateway has accepted who speaks.
fn tell_accepted(settings: &Settings, standing: Standing) {
    let (gateway, device) = (&settings.gateway, &settings.device);
    match standing {
        Standing::Unknown => tracing::info!("connected to {gateway} as {device}"),
        Standing::Lost => tracing::info!("connected again to {gateway} as {device}"),
        Standing::Accepted => {}
    }
}

/// How a stream ended.
struct StreamEnd {
    receipts: u64,
    why: String,
}

/// Carries batches and receipts until either side ends the stream.
async fn talk(
    channel: Channel,
    settings: &Settings,
    tell: &mpsc::Sender<Heard>,
    standing: Standing,
) -> StreamEnd {
    let mut end = StreamEnd {
        receipts: 0,
        why: "hung up".to_owned(),
    };
    let (batches, outgoing) = mpsc::channel(settings.in_flight.max(1));
    let (hang_up, mut dropped) = oneshot::channel();
    let link = Link { batches, hang_up };
    if tell.send(Heard::Connected(link)).await.is_err() {
        return end;
    }
    // The gateway may answer only once it saw the first batch: the link is
    // handed over before.
    let mut client = GatewayClient::new(channel);
    let opening = client.report(ReceiverStream::new(outgoing));
    let mut receipts = tokio::select! {
        _ = &mut dropped => return end,
        opened = opening => match opened {
            Ok(response) => response.into_inner(),
            Err(status) => {
                end.why = chain(&status);
                return end;
            }
        },
    };
    loop {
        let message = tokio::select! {
            _ = &mut dropped => return end,
            message = receipts.message() => message,
        };
        match message {
            Ok(Some(receipt)) => {
                end.receipts += 1;
                if end.receipts == 1 {
                    tell_accepted(settings, standing);
                }
                if tell.send(Heard::Receipt(receipt)).await.is_err() {
                    return end;
                }
            }
            Ok(None) => {
                "the gateway ended the stream".clone_into(&mut end.why);
                return end;
            }
            Err(status) => {
                end.why = chain(&status);
                return end;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::CredentialsError;

    #[test]
    fn an_error_is_told_with_its_causes() {
        let error = SendError::from(CredentialsError::Unreadable {
            path: "ca.pem".into(),
            source: std::io::Error::other("refused"),
        });
        assert_eq!(
            chain(&error),
            "read ca.pem: check the paths under tls: refused"
        );
    }
}
