-- The outbox: an alert is written here before it is sent, once per receiver.
CREATE TABLE IF NOT EXISTS alerts
(
    alert_id     String,
    receiver     String,
    kind         LowCardinality(String),
    body         String CODEC(ZSTD(1)),
    created_at   DateTime64(3, 'UTC'),
    delivered_at Nullable(DateTime64(3, 'UTC')),
    tries        UInt32,
    last_error   String,
    revised_at   DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(revised_at)
ORDER BY (alert_id, receiver)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
