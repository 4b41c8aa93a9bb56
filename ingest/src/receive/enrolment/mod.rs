//! Enrolment: a device without a certificate brings a one-time token and the
//! key that it made for itself, and gets a certificate for that key.
//!
//! On a port of its own, over TLS in which only the gateway shows a certificate:
//! what is open to strangers is apart from what is open to devices, and can be
//! shut by itself. Nothing is believed but the token.

mod desk;
mod door;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kbwatch_proto::enrolment::EnrolmentServer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::transport::Server;
use tracing::{info, warn};

use self::desk::Desk;
use super::audit::Audit;
use super::certificates::Guard;
use super::guard::Guards;
use super::server::ReceiveError;
use crate::config::EnrolmentConfig;
use crate::{Metrics, stopped};

/// Requests of one connection at once; a device has one.
const MAX_STREAMS: u32 = 4;

/// Longest message that is read, in bytes: a token and a request.
const MAX_MESSAGE_LEN: usize = 16 * 1024;

/// Longest headers, in bytes.
const MAX_HEADERS_LEN: u32 = 8 * 1024;

/// A counter for enrolment that is not open yet.
pub(super) struct Enrolment {
    listener: TcpListener,
    pub(super) address: SocketAddr,
    desk: Desk,
}

impl Enrolment {
    /// Takes up the authority and the address.
    pub(super) async fn open(
        config: &EnrolmentConfig,
        guard: &Guard,
    ) -> Result<Self, ReceiveError> {
        let failed = |source| ReceiveError::Listen {
            address: config.listen,
            source,
        };
        let desk = Desk::open(config)?;
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        if let Err(error) = guard.verify(&desk.sample()?) {
            warn!(
                %error,
                "devices that enrol here are not let in: receive.tls.client_ca must name the \
                 authority of receive.enrolment, and client_crl its list"
            );
        }
        Ok(Self {
            listener,
            address,
            desk,
        })
    }

    /// Serves until shutdown.
    pub(super) async fn serve(
        self,
        (guards, deadline): (Guards, Duration),
        audit: Audit,
        metrics: Metrics,
        mut shutdown: watch::Receiver<bool>,
    ) -> Result<(), tonic::transport::Error> {
        info!(address = %self.address, "enrolling");
        let incoming = door::accept(self.listener, guards, audit.clone(), deadline);
        let desk = self.desk.staffed(audit, metrics);
        let service =
            EnrolmentServer::from_arc(Arc::new(desk)).max_decoding_message_size(MAX_MESSAGE_LEN);
        Server::builder()
            .max_concurrent_streams(MAX_STREAMS)
            .http2_max_header_list_size(MAX_HEADERS_LEN)
            .serve_with_incoming_shutdown(service, incoming, async move {
                stopped(&mut shutdown).await;
            })
            .await
    }
}
