//! Every metric under the name by which a /metrics page shows it.

use prometheus_client::registry::Registry;

use super::{Counts, Metrics};

impl Metrics {
    /// Puts every metric into a registry that a /metrics page encodes.
    pub fn register(&self, registry: &mut Registry) {
        self.register_receive(registry.sub_registry_with_prefix("kbwatch_receive"));
        self.register_store(registry.sub_registry_with_prefix("kbwatch_store"));
        let traces = registry.sub_registry_with_prefix("kbwatch_trace");
        let lost = "Spans that could not be handed on";
        traces.register("lost_spans", lost, self.lost_spans.clone());
    }

    fn register_receive(&self, registry: &mut Registry) {
        let own = Counts::clone(self);
        registry.register("batches", "Batches received", own.received_batches);
        registry.register("payload_bytes", "Sealed bytes received", own.received_bytes);
        registry.register("answers", "Batches answered, by answer", own.answered);
        registry.register(
            "in_flight_batches",
            "Batches not answered yet",
            own.in_flight,
        );
        registry.register("refusals", "Batches refused, by reason", own.refused);
        registry.register("denials", "Streams denied, by reason", own.denied);
        registry.register("broken_streams", "Streams ended by an error", own.broken);
        registry.register("streams", "Open streams", own.streams);
        registry.register(
            "clones",
            "Identities seen from two peers at once",
            own.clones,
        );
        let throttled = "Batches put off: their device, its branch or all send too much";
        registry.register("throttled_batches", throttled, own.throttled);
        let enrolled = "Certificates given for tokens; again: an answer had been lost";
        registry.register("enrolments", enrolled, own.enrolled);
        let unaccounted = "Batches received that are neither answered nor in flight";
        let [batches, _, _] = own.unaccounted;
        registry.register("unaccounted_batches", unaccounted, batches);
        let reloads = "Changes of certificate files, by whether they were taken up";
        registry.register("tls_reloads", reloads, own.tls_reloads);
        let end = "When the first of the gateway's certificates is over; 0 without any";
        registry.register(
            "certificates_end_timestamp_seconds",
            end,
            own.certificates_end,
        );
    }

    fn register_store(&self, registry: &mut Registry) {
        self.register_settled(registry);
        self.register_written(registry);
        self.register_kafka(registry);
    }

    fn register_settled(&self, registry: &mut Registry) {
        let own = Counts::clone(self);
        let batches = "Batches taken from the journal";
        registry.register("batches", batches, own.opened_batches);
        registry.register("settled_batches", "Batches by fate", own.settled_batches);
        let in_flight = "Batches not settled yet";
        registry.register("in_flight_batches", in_flight, own.open_batches);
        registry.register("events", "Events unpacked", own.opened_events);
        registry.register("stored_events", "Events inserted", own.stored_events);
        let rejected = "Events in dead letters";
        registry.register("rejected_events", rejected, own.rejected_events);
        registry.register("duplicate_events", "Events met twice", own.duplicate_events);
        let parked = "Events of newer formats, as declared";
        registry.register("parked_events", parked, own.parked_events);
        let abandoned = "Events given back unacknowledged";
        registry.register("abandoned_events", abandoned, own.abandoned_events);
        let open = "Events not settled yet";
        registry.register("in_flight_events", open, own.open_events);
        let [_, batches, events] = own.unaccounted;
        let unaccounted = "Batches taken that are neither settled nor in flight";
        registry.register("unaccounted_batches", unaccounted, batches);
        let unaccounted = "Events unpacked that are neither settled nor in flight";
        registry.register("unaccounted_events", unaccounted, events);
    }

    fn register_written(&self, registry: &mut Registry) {
        let own = Counts::clone(self);
        registry.register("dead_letters", "Dead letters written, by kind", own.letters);
        registry.register("facts", "Revisions of device facts stored", own.facts);
        let rejected = "Revisions of device facts rejected";
        registry.register("rejected_facts", rejected, own.facts_rejected);
        registry.register("presence_rows", "Presence rows written", own.presence_rows);
        let lost = "Presence rows given up";
        registry.register("presence_lost_rows", lost, own.presence_lost);
        own.sources.register(registry);
        registry.register("inserts", "Inserts that succeeded", own.inserts);
        registry.register("insert_retries", "Inserts tried again", own.insert_retries);
        let refused = "Groups that ClickHouse refuses: no other is begun meanwhile";
        registry.register("refused_groups", refused, own.refused_groups);
        let seconds = "Duration of an insert";
        registry.register("insert_seconds", seconds, own.insert_seconds);
    }

    fn register_kafka(&self, registry: &mut Registry) {
        let own = Counts::clone(self);
        let behind = "Records not consumed yet";
        registry.register("kafka_lag_records", behind, own.kafka_lag);
        let lost = "Records that Kafka removed before a store took them";
        registry.register("lost_records", lost, own.lost_records);
        let stopped = "Partitions of which nothing can be opened, until the store starts anew";
        registry.register("stopped_partitions", stopped, own.stopped_partitions);
        registry.register("commits", "Offset commits", own.commits);
        let failed = "Offset commits that failed";
        registry.register("commit_failures", failed, own.commit_failures);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Answer;

    #[test]
    fn every_metric_is_on_the_page() {
        let mut registry = Registry::default();
        let metrics = Metrics::default();
        metrics.register(&mut registry);
        metrics.batch_received(10).answered(Answer::Durable);
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
        assert!(page.contains("kbwatch_receive_batches_total 1"), "{page}");
        assert!(page.contains("kbwatch_receive_answers_total{answer=\"durable\"} 1"));
    }
}
