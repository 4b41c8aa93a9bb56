//! What a person decides on a ring, beside what the figures say.

use clickhouse::Client;

use super::book::DecisionRow;
use crate::keep::{KeepError, keep};
use crate::load::LoadError;
use crate::load::plans::{read_last_verdict, ring_exists};
use crate::view::Decision;

/// Longest name and longest reason, in characters.
const LONGEST: (usize, usize) = (100, 1_000);

/// What can be decided.
const DECISIONS: [&str; 3] = ["go", "stop", "hold"];

/// A decision on a ring.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RingDecision {
    /// Rollout.
    pub rollout: String,
    /// Ring; empty for targets without one.
    pub ring: String,
    /// `go`, `stop` or `hold`.
    pub decision: String,
    /// Who decides.
    pub who: String,
    /// Why.
    pub why: String,
    /// By which way it came: `api` or `command`.
    pub via: &'static str,
}

/// A decision is not recorded.
#[derive(Debug, thiserror::Error)]
pub enum DecisionRefused {
    /// Correct it.
    #[error("{what} {value:?} {remedy}")]
    Wrong {
        /// Which part.
        what: &'static str,
        /// What stands there.
        value: String,
        /// What would do.
        remedy: &'static str,
    },
    /// Name one that exists.
    #[error("no rollout {rollout:?} has targets of ring {ring:?}")]
    Unknown {
        /// Rollout that was named.
        rollout: String,
        /// Ring that was named.
        ring: String,
    },
    /// Try again.
    #[error("could not read what stands")]
    Load(#[from] LoadError),
    /// Try again.
    #[error("could not keep the decision")]
    Keep(#[from] KeepError),
}

/// Records a decision beside the verdict that stands; it changes no figure.
pub async fn record_decision(
    client: &Client,
    decided: &RingDecision,
    now_ms: i64,
) -> Result<Decision, DecisionRefused> {
    check(decided)?;
    let ring = decided.ring.to_lowercase();
    if !ring_exists(client, &decided.rollout, &ring).await? {
        return Err(DecisionRefused::Unknown {
            rollout: decided.rollout.clone(),
            ring,
        });
    }
    let last = read_last_verdict(client, &decided.rollout, &ring).await?;
    let (verdict_number, verdict) = last.unwrap_or_default();
    let row = DecisionRow {
        rollout: decided.rollout.clone(),
        ring,
        decision: decided.decision.clone(),
        who: decided.who.trim().to_owned(),
        why: decided.why.trim().to_owned(),
        decided_at: now_ms,
        verdict_number,
        verdict,
        via: decided.via.to_owned(),
    };
    keep(client, "ring_decisions", std::slice::from_ref(&row)).await?;
    Ok(super::book::decision(&row))
}

fn check(decided: &RingDecision) -> Result<(), DecisionRefused> {
    let wrong = |what, value: &str, remedy| {
        Err(DecisionRefused::Wrong {
            what,
            value: value.chars().take(80).collect(),
            remedy,
        })
    };
    if !DECISIONS.contains(&decided.decision.as_str()) {
        return wrong("decision", &decided.decision, "is not go, stop or hold");
    }
    let length = |text: &str| text.trim().chars().count();
    if !(1..=LONGEST.0).contains(&length(&decided.who)) {
        return wrong("who", &decided.who, "is no name of 1 to 100 characters");
    }
    if !(1..=LONGEST.1).contains(&length(&decided.why)) {
        return wrong("why", &decided.why, "is no reason of 1 to 1,000 characters");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_without_a_name_a_reason_or_a_known_word_is_refused() {
        let sound = RingDecision {
            decision: "hold".into(),
            who: "Li Wei".into(),
            why: "month end".into(),
            ..RingDecision::default()
        };
        assert!(check(&sound).is_ok());
        for wrong in [
            RingDecision {
                decision: "maybe".into(),
                ..sound.clone()
            },
            RingDecision {
                who: "  ".into(),
                ..sound.clone()
            },
            RingDecision {
                why: "x".repeat(1_001),
                ..sound.clone()
            },
        ] {
            assert!(matches!(check(&wrong), Err(DecisionRefused::Wrong { .. })));
        }
    }
}
