-- When each device was last heard of and how its collector is doing; the
-- newest row of a device wins.
CREATE TABLE IF NOT EXISTS presence
(
    device_id         LowCardinality(String),
    last_heard_at     DateTime64(3, 'UTC'),
    -- Newest time of an event or heartbeat by the device's own clock.
    device_clock_at   DateTime64(3, 'UTC'),
    clock_skew_ms     Int64,
    collector_version LowCardinality(String),
    peer              String,
    started_at        Nullable(DateTime64(3, 'UTC')),
    lag_bytes         UInt64,
    unsent_events     UInt64,
    spool_bytes       UInt64,
    refused_batches   UInt64,
    skipped_lines     UInt64,
    dropped_events    UInt64,
    -- Two live streams of one identity from different peers.
    cloned            Bool
)
ENGINE = ReplacingMergeTree(last_heard_at)
ORDER BY device_id;
