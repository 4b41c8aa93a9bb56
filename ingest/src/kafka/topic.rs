//! The topic of sealed batches: created where it is missing, looked at where it
//! is there.
//!
//! A receipt promises that a batch survives the death of any process, so more
//! than one replica must have it wherever there is more than one.

use std::sync::Arc;

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use tokio::sync::watch;
use tracing::{info, warn};

use super::topic_state::{TopicState, min_insync};
use super::{DEADLINE, JournalError, Logged, MAX_RECORD_LEN, client_config};
use crate::config::KafkaConfig;
use crate::stopped;

/// Between two questions to brokers that do not answer.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// Creates the topic of sealed batches, or checks the one that is there.
///
/// # Errors
/// No broker answers, the topic is refused, or it would refuse or lose batches.
pub async fn ensure_topic(config: &KafkaConfig) -> Result<(), JournalError> {
    let failed = |source| JournalError::new("create the topic of batches", config, source);
    let admin: AdminClient<Logged> = client_config(config, "kbwatch-setup")
        .create_with_context(Logged)
        .map_err(failed)?;
    if create(&admin, config).await.map_err(failed)? {
        info!(topic = config.topic, "created the topic of batches");
        return Ok(());
    }
    let found = match look(admin, &config.topic).await {
        Ok(found) => found,
        Err(error) => {
            warn!(%error, topic = config.topic, "the topic's settings cannot be read");
            return Ok(());
        }
    };
    found.check(config)
}

/// As [`ensure_topic`], and waits for brokers that do not answer yet; false
/// when it was asked to stop first.
///
/// # Errors
/// What waiting does not mend.
pub async fn await_topic(
    config: &KafkaConfig,
    shutdown: &mut watch::Receiver<bool>,
) -> Result<bool, JournalError> {
    loop {
        let ensured = tokio::select! {
            ensured = ensure_topic(config) => ensured,
            () = stopped(shutdown) => return Ok(false),
        };
        match ensured {
            Ok(()) => return Ok(true),
            Err(error) if error.may_pass() => {
                warn!(%error, brokers = config.brokers, "Kafka does not answer, or refuses who asks: waiting");
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stopped(shutdown) => return Ok(false),
        }
    }
}

/// False where the topic is there already.
async fn create(admin: &AdminClient<Logged>, config: &KafkaConfig) -> Result<bool, KafkaError> {
    let record_len = MAX_RECORD_LEN.to_string();
    let retention_ms = (u64::from(config.retention_h) * 3_600_000).to_string();
    let min_insync = min_insync(config.replication).to_string();
    let replication = TopicReplication::Fixed(config.replication);
    let topic = NewTopic::new(&config.topic, config.partitions, replication)
        .set("max.message.bytes", &record_len)
        .set("retention.ms", &retention_ms)
        // Acknowledged by all means: by these at least.
        .set("min.insync.replicas", &min_insync)
        // Batches come compressed; brokers keep them as they are.
        .set("compression.type", "producer");
    for outcome in admin.create_topics([&topic], &options()).await? {
        match outcome {
            Ok(_) => {}
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => return Ok(false),
            Err((_, code)) => return Err(KafkaError::AdminOp(code)),
        }
    }
    Ok(true)
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(DEADLINE))
        .operation_timeout(Some(DEADLINE))
}

/// Looks at the topic of sealed batches.
///
/// # Errors
/// No broker answers, or the topic is not there.
pub async fn describe(config: &KafkaConfig) -> Result<TopicState, JournalError> {
    let failed = |source| JournalError::new("look at the topic of batches", config, source);
    let admin: AdminClient<Logged> = client_config(config, "kbwatch-topics")
        .create_with_context(Logged)
        .map_err(failed)?;
    match look(admin, &config.topic).await {
        // Brokers describe what is not there, without a partition.
        Ok(state) if state.partitions == 0 => {
            let missing = RDKafkaErrorCode::UnknownTopicOrPartition;
            Err(failed(KafkaError::AdminOp(missing)))
        }
        looked => looked.map_err(failed),
    }
}

async fn look(admin: AdminClient<Logged>, topic: &str) -> Result<TopicState, KafkaError> {
    let admin = Arc::new(admin);
    let asked = [ResourceSpecifier::Topic(topic)];
    let answers = admin.describe_configs(&asked, &options()).await?;
    let settings = answers
        .into_iter()
        .next()
        .unwrap_or(Err(RDKafkaErrorCode::UnknownTopicOrPartition))
        .map_err(KafkaError::AdminOp)?;
    let name = topic.to_owned();
    let metadata = move || admin.inner().fetch_metadata(Some(&name), DEADLINE);
    let metadata = tokio::task::spawn_blocking(metadata)
        .await
        .map_err(|_| KafkaError::Canceled)??;
    let partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
    let replicas = partitions
        .clone()
        .map(|partition| partition.replicas().len());
    let replicas = replicas.min();
    Ok(TopicState {
        partitions: partitions.count(),
        retention_ms: number(&settings, "retention.ms"),
        replicas: replicas
            .and_then(|found| found.try_into().ok())
            .unwrap_or(0),
        min_insync: number(&settings, "min.insync.replicas").unwrap_or(1),
        max_message_bytes: number(&settings, "max.message.bytes").unwrap_or(usize::MAX),
        cleanup: text(&settings, "cleanup.policy")
            .unwrap_or_default()
            .to_owned(),
    })
}

fn text<'a>(settings: &'a ConfigResource, name: &str) -> Option<&'a str> {
    settings.get(name)?.value.as_deref()
}

fn number<N: std::str::FromStr>(settings: &ConfigResource, name: &str) -> Option<N> {
    text(settings, name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_that_do_not_answer_are_waited_for_and_a_refusal_is_not() {
        let asked = |code| {
            let source = KafkaError::AdminOp(code);
            JournalError::new(
                "create the topic of batches",
                &KafkaConfig::default(),
                source,
            )
            .may_pass()
        };
        assert!(asked(RDKafkaErrorCode::OperationTimedOut));
        assert!(!asked(RDKafkaErrorCode::TopicAuthorizationFailed));
        assert!(!asked(RDKafkaErrorCode::InvalidReplicationFactor));
    }
}
