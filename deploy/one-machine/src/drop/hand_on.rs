//! Hands the events of dropped files on to a river of this machine.
//!
//! They go as sealed batches, like a collector's, and count as handed on only
//! when the river says that they are durable.

use std::net::ToSocketAddrs;
use std::time::Duration;

use kbwatch_proto::batch::{Contents, PackError, pack};
use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::telemetry::Batch;
use prost::Message;

/// Where `kbwatch up` shows its pages unless told otherwise.
const USUAL_URL: &str = "http://127.0.0.1:8080";

/// Events of one batch: what a collector sends at once, too.
const BATCH_EVENTS: usize = 500;

const DEADLINE: Duration = Duration::from_mins(1);

/// The events did not reach the river that was named.
#[derive(Debug, thiserror::Error)]
pub enum HandOnError {
    /// Name one on this machine.
    #[error(
        "{url} is not on this machine: logs of other machines are handed on by their collectors"
    )]
    NotHere {
        /// What was named.
        url: String,
    },
    /// The batch cannot be made.
    #[error("seal the events")]
    Pack(#[from] PackError),
    /// Try again when it answers.
    #[error("hand the events on to {url}: {said}")]
    Refused {
        /// Which river.
        url: String,
        /// What it said.
        said: String,
    },
}

/// What was handed on.
pub(super) struct HandedOn {
    pub(super) url: String,
    pub(super) events: usize,
}

/// Hands on to the river that is named, or to one at the usual place if it is
/// there; `None` if nobody is.
pub(super) fn hand_on(
    named: Option<&str>,
    device_id: &str,
    mut events: Vec<UpdateEvent>,
) -> Result<Option<HandedOn>, HandOnError> {
    let url = named.unwrap_or(USUAL_URL).trim_end_matches('/').to_owned();
    if !is_here(&url) {
        return Err(HandOnError::NotHere { url });
    }
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(DEADLINE))
        .http_status_as_error(false)
        .build()
        .into();
    let inlet = format!("{url}{}", super::inlet::PATH);
    if named.is_none()
        && !agent
            .get(&inlet)
            .call()
            .is_ok_and(|here| here.status() == 204)
    {
        return Ok(None);
    }
    let now_ms = jiff::Timestamp::now().as_millisecond();
    for event in &mut events {
        event.observed_at_ms = now_ms;
    }
    let count = events.len();
    let epoch = now_ms.unsigned_abs();
    let mut seq = 0;
    for chunk in events.chunks(BATCH_EVENTS) {
        for mut batch in seal(chunk)? {
            seq += 1;
            batch.epoch = epoch;
            batch.batch_seq = seq;
            batch.sent_at_ms = now_ms;
            env!("CARGO_PKG_VERSION").clone_into(&mut batch.collector_version);
            device_id.clone_into(&mut batch.declared_device);
            send(&agent, &inlet, &url, &batch)?;
        }
    }
    Ok(Some(HandedOn { url, events: count }))
}

/// One batch, or two halves where one would be too large.
fn seal(events: &[UpdateEvent]) -> Result<Vec<Batch>, PackError> {
    let contents = Contents {
        events: events.to_vec(),
        ..Contents::default()
    };
    match pack(&contents) {
        Ok(batch) => Ok(vec![batch]),
        Err(PackError::TooLarge { .. }) if events.len() > 1 => {
            let (first, second) = events.split_at(events.len() / 2);
            let mut batches = seal(first)?;
            batches.extend(seal(second)?);
            Ok(batches)
        }
        Err(error) => Err(error),
    }
}

fn send(agent: &ureq::Agent, inlet: &str, url: &str, batch: &Batch) -> Result<(), HandOnError> {
    let refused = |said: String| HandOnError::Refused {
        url: url.to_owned(),
        said,
    };
    let mut response = agent
        .post(inlet)
        .header("Content-Type", "application/x-protobuf")
        .send(batch.encode_to_vec())
        .map_err(|error| refused(error.to_string()))?;
    if response.status() == 204 {
        return Ok(());
    }
    let said = response.body_mut().read_to_string().unwrap_or_default();
    Err(refused(format!("{} {said}", response.status())))
}

fn is_here(url: &str) -> bool {
    let Some(host) = url.strip_prefix("http://") else {
        return false;
    };
    let host = host.split('/').next().unwrap_or_default();
    let with_port = if host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
    {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    with_port
        .to_socket_addrs()
        .is_ok_and(|mut found| found.len() > 0 && found.all(|address| address.ip().is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_river_of_this_machine_is_handed_logs() {
        assert!(is_here("http://127.0.0.1:8080"));
        assert!(is_here("http://localhost"));
        assert!(is_here("http://[::1]:8080/x"));
        for far in [
            "http://10.0.0.1:8080",
            "https://127.0.0.1",
            "127.0.0.1:8080",
        ] {
            assert!(!is_here(far), "{far}");
        }
    }

    #[test]
    fn events_that_do_not_fit_into_one_batch_go_in_several() {
        let large = UpdateEvent {
            evidence: "x".repeat(2048),
            ..UpdateEvent::default()
        };
        let events: Vec<_> = (0..5_000_u32)
            .map(|n| UpdateEvent {
                evidence: format!("{n}{}", &large.evidence[8..]),
                ..large.clone()
            })
            .collect();
        let batches = seal(&events).unwrap();
        assert!(batches.len() > 1);
        assert_eq!(
            batches.iter().map(|batch| batch.event_count).sum::<u32>(),
            5_000
        );
    }
}
