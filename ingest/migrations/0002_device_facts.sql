-- What each device said of itself, one row per revision, never rewritten.
CREATE TABLE IF NOT EXISTS device_facts
(
    device_id   LowCardinality(String),
    revision    UInt64,
    observed_at DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC'),
    stored_at   DateTime64(3, 'UTC') DEFAULT now64(3),
    facts       Map(LowCardinality(String), String)
)
ENGINE = ReplacingMergeTree(stored_at)
ORDER BY (device_id, observed_at, revision)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
