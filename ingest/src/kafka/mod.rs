//! How ingest speaks to Kafka: settings, the words that librdkafka logs, and how
//! far the stores are behind.

mod link;
mod producer;
mod topic;
mod topic_state;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kbwatch_proto::batch::MAX_PAYLOAD_LEN;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tracing::{debug, error, warn};

pub(crate) use link::Link;
pub use producer::KafkaJournal;
pub use topic::{await_topic, describe, ensure_topic};
pub use topic_state::TopicState;

use crate::config::{KafkaConfig, KafkaSecurity};

/// Largest record: a payload with its envelope and what receive adds.
pub(crate) const MAX_RECORD_LEN: usize = MAX_PAYLOAD_LEN + 64 * 1024;

/// Deadline of questions to the brokers.
const DEADLINE: Duration = Duration::from_secs(10);

/// A Kafka that cannot be used as the journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The brokers do not answer, or refuse.
    #[error("{attempted} at {brokers}")]
    Brokers {
        /// What was attempted.
        attempted: &'static str,
        /// Where.
        brokers: String,
        /// Why not.
        source: KafkaError,
    },
    /// The topic is there, with settings that would refuse or lose batches.
    #[error("topic {topic} has {setting} = {value}: {remedy}")]
    Topic {
        /// Which topic.
        topic: String,
        /// Name of the setting.
        setting: &'static str,
        /// What was found.
        value: String,
        /// What to do.
        remedy: String,
    },
}

impl JournalError {
    /// Whether waiting may help: no broker answered, or none is ready yet.
    pub fn may_pass(&self) -> bool {
        use rdkafka::error::RDKafkaErrorCode as Code;
        let Self::Brokers { source, .. } = self else {
            return false;
        };
        let code = match source {
            KafkaError::AdminOp(code) => Some(*code),
            other => other.rdkafka_error_code(),
        };
        matches!(
            code,
            Some(
                Code::AllBrokersDown
                    | Code::BrokerTransportFailure
                    | Code::BrokerNotAvailable
                    | Code::CoordinatorNotAvailable
                    | Code::LeaderNotAvailable
                    | Code::NetworkException
                    | Code::NotController
                    | Code::OperationTimedOut
                    | Code::RequestTimedOut
                    | Code::Resolve
            )
        )
    }

    pub(crate) fn new(attempted: &'static str, config: &KafkaConfig, source: KafkaError) -> Self {
        Self::Brokers {
            attempted,
            brokers: config.brokers.clone(),
            source,
        }
    }
}

/// Settings that every client shares.
pub(crate) fn client_config(config: &KafkaConfig, client_id: &str) -> ClientConfig {
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", &config.brokers)
        .set("client.id", client_id)
        .set("socket.keepalive.enable", "true")
        // A broker that came back is found within a second or two.
        .set("reconnect.backoff.max.ms", "2000");
    let security = config.security.as_deref();
    for (name, value) in security.map(KafkaSecurity::settings).unwrap_or_default() {
        client.set(name, value);
    }
    client
}

/// Passes librdkafka's words on to our log.
pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            error!(facility, message, "kafka client");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
            warn!(facility, message, "kafka client");
        }
        _ => debug!(facility, message, "kafka client"),
    }
}

/// How long the same complaint stays unsaid: librdkafka repeats it with every
/// try, several times a second.
const SAID_FOR: Duration = Duration::from_secs(30);

/// Passes an error of a client on to our log: librdkafka goes on by itself.
pub(crate) fn complain(error: &KafkaError, reason: &str) {
    static SAID: Mutex<Option<(String, Instant)>> = Mutex::new(None);
    let text = error.to_string();
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    let is_news = said
        .as_ref()
        .is_none_or(|(before, at)| *before != text || at.elapsed() > SAID_FOR);
    if is_news {
        warn!(%error, reason, "kafka client");
        *said = Some((text, Instant::now()));
    } else {
        debug!(%error, reason, "kafka client");
    }
}

/// The context of clients that need nothing but their log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Logged;

impl ClientContext for Logged {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        complain(&error, reason);
    }
}

impl ConsumerContext for Logged {}

/// Records that the stores did not commit yet, over all partitions. Blocks for
/// as long as the brokers take to answer.
///
/// # Errors
/// No broker answers, or the topic is not there.
pub fn lag(config: &KafkaConfig) -> Result<u64, JournalError> {
    let failed = |source| JournalError::new("ask how far the stores are behind", config, source);
    let asking: BaseConsumer<Logged> = client_config(config, "kbwatch-lag")
        .set("group.id", &config.group)
        .create_with_context(Logged)
        .map_err(failed)?;
    let metadata = asking
        .fetch_metadata(Some(&config.topic), DEADLINE)
        .map_err(failed)?;
    let mut asked = TopicPartitionList::new();
    for partition in metadata
        .topics()
        .iter()
        .flat_map(rdkafka::metadata::MetadataTopic::partitions)
    {
        asked.add_partition(&config.topic, partition.id());
    }
    let committed = asking.committed_offsets(asked, DEADLINE).map_err(failed)?;
    let mut behind = 0;
    for partition in committed.elements() {
        let (low, high) = asking
            .fetch_watermarks(&config.topic, partition.partition(), DEADLINE)
            .map_err(failed)?;
        let next = match partition.offset() {
            Offset::Offset(next) => next.max(low),
            _ => low,
        };
        behind += u64::try_from(high - next).unwrap_or(0);
    }
    Ok(behind)
}
