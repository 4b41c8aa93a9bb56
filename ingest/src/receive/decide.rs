//! Whether an envelope is fit to be handed on, decided without looking inside.
//!
//! A pure function: whatever it refuses can never become acceptable, so the
//! collector is told never to send it again.

use kbwatch_proto::batch::{self, MAX_EVENTS, MAX_PAYLOAD_LEN, MAX_UNPACKED_LEN};
use kbwatch_proto::telemetry::Batch;

/// Longest version text of a collector, in bytes.
const MAX_VERSION_LEN: usize = 64;

/// Why a batch is refused for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The payload is over [`MAX_PAYLOAD_LEN`].
    #[error("payload of {len} bytes is over the limit of {MAX_PAYLOAD_LEN}")]
    PayloadTooLong {
        /// Bytes found.
        len: usize,
    },
    /// More than [`MAX_EVENTS`] are declared.
    #[error("{events} events are over the limit of {MAX_EVENTS}")]
    TooManyEvents {
        /// Events declared.
        events: u32,
    },
    /// The collector's version is no version.
    #[error("collector version of {len} bytes is over the limit of {MAX_VERSION_LEN}")]
    Version {
        /// Bytes found.
        len: usize,
    },
    /// The layout of the payload is not named.
    #[error("no payload format is named")]
    NoFormat,
    /// The checksum is another one.
    #[error("checksum does not match the payload")]
    Checksum,
    /// The zstd frame does not say how large it unpacks, or is none.
    #[error("payload is no zstd frame that declares its size")]
    Frame,
    /// The zstd frame declares more than is allowed.
    #[error("zstd frame declares {declared} bytes, the limit is {MAX_UNPACKED_LEN}")]
    DeclaresTooMuch {
        /// Bytes declared.
        declared: u64,
    },
    /// The zstd frame and the envelope contradict each other.
    #[error("zstd frame declares {declared} bytes, the envelope {envelope}")]
    DeclaresOther {
        /// Bytes declared by the frame.
        declared: u64,
        /// Bytes declared by the envelope.
        envelope: u32,
    },
}

impl Refusal {
    /// The word under which the refusal is counted.
    pub fn reason(self) -> &'static str {
        match self {
            Self::PayloadTooLong { .. } => "payload_too_long",
            Self::TooManyEvents { .. } => "too_many_events",
            Self::Version { .. } => "version",
            Self::NoFormat => "no_format",
            Self::Checksum => "checksum",
            Self::Frame => "frame",
            Self::DeclaresTooMuch { .. } => "declares_too_much",
            Self::DeclaresOther { .. } => "declares_other",
        }
    }
}

/// Checks everything that an envelope says of itself.
///
/// A format newer than this code passes: the store parks it. Only its checksum
/// and its size are judged, because its payload may be no zstd frame.
///
/// # Errors
/// The first [`Refusal`] met, cheapest checks first.
pub fn check_envelope(batch: &Batch) -> Result<(), Refusal> {
    let len = batch.payload.len();
    if len > MAX_PAYLOAD_LEN {
        return Err(Refusal::PayloadTooLong { len });
    }
    if batch.event_count as usize > MAX_EVENTS {
        return Err(Refusal::TooManyEvents {
            events: batch.event_count,
        });
    }
    if batch.collector_version.len() > MAX_VERSION_LEN {
        return Err(Refusal::Version {
            len: batch.collector_version.len(),
        });
    }
    if batch.format == 0 {
        return Err(Refusal::NoFormat);
    }
    if batch.format <= batch::FORMAT {
        check_frame(batch)?;
    }
    if batch::checksum(&batch.payload) != batch.checksum {
        return Err(Refusal::Checksum);
    }
    Ok(())
}

fn check_frame(batch: &Batch) -> Result<(), Refusal> {
    let declared = batch::declared_len(&batch.payload).ok_or(Refusal::Frame)?;
    if declared > u64::from(MAX_UNPACKED_LEN) {
        return Err(Refusal::DeclaresTooMuch { declared });
    }
    if declared != u64::from(batch.unpacked_len) {
        return Err(Refusal::DeclaresOther {
            declared,
            envelope: batch.unpacked_len,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use kbwatch_proto::batch::{Contents, pack};

    use super::*;

    fn sealed() -> Batch {
        pack(&Contents::default()).unwrap()
    }

    fn resealed(payload: Vec<u8>) -> Batch {
        Batch {
            checksum: batch::checksum(&payload),
            payload,
            ..sealed()
        }
    }

    #[test]
    fn a_sealed_batch_passes() {
        assert_eq!(check_envelope(&sealed()), Ok(()));
    }

    #[test]
    fn a_wrong_checksum_is_refused() {
        let mut batch = sealed();
        batch.checksum ^= 1;
        assert_eq!(check_envelope(&batch), Err(Refusal::Checksum));
    }

    #[test]
    fn a_payload_that_is_no_zstd_frame_is_refused() {
        assert_eq!(
            check_envelope(&resealed(b"noise".to_vec())),
            Err(Refusal::Frame)
        );
    }

    #[test]
    fn a_frame_that_declares_four_gigabytes_is_refused_unopened() {
        // Magic, descriptor (8-byte size, single segment), declared size.
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
        frame.extend_from_slice(&(4u64 << 30).to_le_bytes());
        let refused = check_envelope(&resealed(frame));
        let declared = 4 << 30;
        assert_eq!(refused, Err(Refusal::DeclaresTooMuch { declared }));
    }

    #[test]
    fn a_frame_that_contradicts_its_envelope_is_refused() {
        let mut batch = sealed();
        batch.unpacked_len += 1;
        assert!(matches!(
            check_envelope(&batch),
            Err(Refusal::DeclaresOther { .. })
        ));
    }

    #[test]
    fn more_events_than_a_batch_may_hold_are_refused() {
        let mut batch = sealed();
        batch.event_count = 5_001;
        assert_eq!(
            check_envelope(&batch),
            Err(Refusal::TooManyEvents { events: 5_001 })
        );
    }

    #[test]
    fn a_payload_over_the_limit_is_refused_before_it_is_hashed() {
        let mut batch = sealed();
        batch.payload = vec![0; MAX_PAYLOAD_LEN + 1];
        assert!(matches!(
            check_envelope(&batch),
            Err(Refusal::PayloadTooLong { .. })
        ));
    }

    #[test]
    fn a_newer_format_passes_whatever_its_payload_looks_like() {
        let mut batch = resealed(b"not zstd any more".to_vec());
        batch.format = batch::FORMAT + 1;
        assert_eq!(check_envelope(&batch), Ok(()));
    }

    #[test]
    fn a_batch_without_a_format_is_refused() {
        let mut batch = sealed();
        batch.format = 0;
        assert_eq!(check_envelope(&batch), Err(Refusal::NoFormat));
    }
}
