//! What the clock adds: an attempt without a verdict is under way, waits, or
//! will never be heard of again.

use super::{Attempt, Outcome, Stand};

/// After a boot the verdict follows within minutes; later nobody will tell it.
const VERDICT_AFTER_BOOT_MS: i64 = 3_600_000;

/// "Fetch it again" stands for failure when nothing followed for a day.
const RETRY_STAYS_MS: i64 = 24 * 3_600_000;

/// What settling needs to know besides the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Now.
    pub now_ms: i64,
    /// When the device was last heard of; `None` if its presence is unknown.
    pub last_heard_ms: Option<i64>,
    /// Silence after which an attempt that had begun is gone silent.
    pub gone_silent_ms: i64,
}

/// How an attempt stands now.
pub fn settle(attempt: &Attempt, clock: Clock) -> Outcome {
    let silent = clock
        .last_heard_ms
        .is_some_and(|heard| clock.now_ms - heard > clock.gone_silent_ms);
    let since = |at_ms: i64| clock.now_ms - at_ms;
    match attempt.stand {
        Stand::Closed(outcome) => outcome,
        Stand::Open
        | Stand::AwaitsReboot {
            rebooting: true, ..
        } if silent => Outcome::GoneSilent,
        Stand::Open => Outcome::Unknown,
        Stand::AwaitsReboot { booted_at_ms, .. } => {
            let untold = booted_at_ms.is_some_and(|at| since(at) > VERDICT_AFTER_BOOT_MS);
            if untold {
                Outcome::Unknown
            } else {
                Outcome::PendingReboot
            }
        }
        Stand::AwaitsRetry { .. } => {
            let stays = since(attempt.ended_at_ms) > RETRY_STAYS_MS;
            if stays {
                Outcome::Failed
            } else {
                Outcome::Unknown
            }
        }
    }
}

/// Final code of an attempt that is settled as failed or cancelled.
pub fn final_code(attempt: &Attempt) -> Option<u32> {
    match attempt.stand {
        Stand::AwaitsRetry { hresult } => Some(hresult),
        _ => attempt.hresult,
    }
}
