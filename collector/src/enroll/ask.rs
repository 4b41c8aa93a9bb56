//! One question to the gateway, over TLS in which only the gateway shows a
//! certificate.

use kbwatch_proto::enrolment::{Application, Certificate, EnrolmentClient};
use tonic::Code;
use tonic::transport::{Endpoint, Uri};

use super::{EnrollError, PATIENCE};
use crate::config::TlsConfig;
use crate::send::dial::{self, Dialer};

/// What the gateway is asked.
pub(super) type Asked = Application;

/// Asks for a certificate.
pub(super) async fn ask(
    gateway: &str,
    tls: &TlsConfig,
    asked: Asked,
) -> Result<Certificate, EnrollError> {
    let address = || EnrollError::Address(gateway.to_owned());
    let uri: Uri = gateway.parse().map_err(|_| address())?;
    // The token must not go over the network in the clear.
    if uri.scheme_str() != Some("https") || uri.host().is_none() {
        return Err(address());
    }
    let endpoint = Endpoint::from(dial::plain(&uri))
        .origin(uri.clone())
        .connect_timeout(PATIENCE)
        .timeout(PATIENCE);
    let dialer = Dialer::as_stranger(&uri, tls, PATIENCE)?;
    let connecting = dialer.connect(&endpoint);
    let unanswered = || EnrollError::Unanswered(format!("no answer in {} s", PATIENCE.as_secs()));
    let connected = tokio::time::timeout(PATIENCE, connecting).await;
    let channel =
        connected
            .map_err(|_| unanswered())?
            .map_err(|source| EnrollError::Unreached {
                gateway: gateway.to_owned(),
                source,
            })?;
    let mut client = EnrolmentClient::new(channel);
    match tokio::time::timeout(PATIENCE, client.enrol(asked)).await {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) => Err(match status.code() {
            Code::PermissionDenied | Code::InvalidArgument | Code::Unimplemented => {
                EnrollError::Refused(status.message().to_owned())
            }
            _ => EnrollError::Unanswered(status.message().to_owned()),
        }),
        Err(_) => Err(unanswered()),
    }
}
