//! Whether brokers are there and take what is sent: what `/ready` says of Kafka.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::Statistics;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

use super::{complain, log};

/// Time without any broker after which there is none: several of librdkafka's
/// reports, and longer than a broker takes that is started anew.
pub(crate) const UNHEARD: Duration = Duration::from_secs(15);

/// Time for which a batch that was not taken speaks against the brokers: whoever
/// is not ready is sent nothing, and would never hear that they are back.
const REMEMBERED: Duration = Duration::from_mins(1);

/// What is known of the brokers of one client.
#[derive(Debug)]
pub(crate) struct Link(Mutex<Known>);

#[derive(Debug)]
struct Known {
    /// When one was last connected.
    up_at: Instant,
    /// When a batch was last not taken, unless one was taken since.
    failed_at: Option<Instant>,
}

impl Link {
    /// A client that has just begun.
    pub(crate) fn new(now: Instant) -> Self {
        Self(Mutex::new(Known {
            up_at: now,
            failed_at: None,
        }))
    }

    /// Notes what librdkafka reports every few seconds, for as long as its client
    /// is polled.
    pub(crate) fn reported(&self, statistics: &Statistics, now: Instant) {
        if statistics
            .brokers
            .values()
            .any(|broker| broker.state == "UP")
        {
            self.lock().up_at = now;
        }
    }

    /// Notes whether a batch was taken.
    pub(crate) fn heard(&self, is_taken: bool, now: Instant) {
        self.lock().failed_at = (!is_taken).then_some(now);
    }

    /// What speaks against the brokers, as `/ready` says it.
    pub(crate) fn trouble(&self, now: Instant) -> Option<&'static str> {
        let known = self.lock();
        let since = |then: Instant| now.saturating_duration_since(then);
        if since(known.up_at) > UNHEARD {
            return Some("no broker of Kafka answers\n");
        }
        let failed_at = known.failed_at?;
        (since(failed_at) < REMEMBERED).then_some("Kafka does not take batches\n")
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The context of a client whose link is watched.
#[derive(Clone)]
pub(crate) struct Linked(pub(crate) Arc<Link>);

impl ClientContext for Linked {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        complain(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.0.reported(&statistics, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_was_not_taken_speaks_against_kafka_until_one_is_or_for_a_minute() {
        let now = Instant::now();
        let link = Link::new(now);
        assert_eq!(link.trouble(now), None);
        link.heard(false, now);
        assert!(link.trouble(now).is_some());
        link.heard(true, now);
        assert_eq!(link.trouble(now), None);
        link.heard(false, now);
        link.lock().up_at = now + REMEMBERED;
        assert_eq!(link.trouble(now + REMEMBERED), None);
    }

    #[test]
    fn brokers_that_are_not_heard_of_for_a_while_are_away() {
        let now = Instant::now();
        let link = Link::new(now);
        assert!(link.trouble(now + UNHEARD * 2).is_some());
        let mut report = Statistics::default();
        let broker = |state: &str| rdkafka::statistics::Broker {
            state: state.to_owned(),
            ..rdkafka::statistics::Broker::default()
        };
        report.brokers.insert("one".to_owned(), broker("DOWN"));
        link.reported(&report, now + UNHEARD * 2);
        assert!(link.trouble(now + UNHEARD * 2).is_some());
        report.brokers.insert("other".to_owned(), broker("UP"));
        link.reported(&report, now + UNHEARD * 2);
        assert_eq!(link.trouble(now + UNHEARD * 2), None);
    }
}
