-- One row per parsed fact. A re-read of the same record lands on the same key
-- in the same partition, and the fuller reading wins.
CREATE TABLE IF NOT EXISTS update_events
(
    device_id            LowCardinality(String),
    event_id             FixedString(16),
    source_kind          LowCardinality(String),
    phase                LowCardinality(String),
    result               LowCardinality(String),
    -- The time as the log printed it, kept as if it were UTC; records without
    -- a time, or with one out of range, share one bucket at 2000-01-01.
    printed_at           DateTime64(3, 'UTC'),
    occurred_at          Nullable(DateTime64(3, 'UTC')),
    time_source          LowCardinality(String),
    -- 'sound', 'suspect' (in the future or before 2000) or 'unknown'.
    time_quality         LowCardinality(String),
    observed_at          DateTime64(3, 'UTC'),
    received_at          DateTime64(3, 'UTC'),
    stored_at            DateTime64(3, 'UTC') DEFAULT now64(3),
    -- Completeness in the high, parser version in the low 32 bits.
    version              UInt64,
    hresult              Nullable(UInt32),
    nested_status        Nullable(UInt32),
    operation_result     Nullable(UInt32),
    kb                   LowCardinality(String),
    identifier           LowCardinality(String),
    package              String CODEC(ZSTD(1)),
    title                LowCardinality(String),
    update_guid          String CODEC(ZSTD(1)),
    revision             Nullable(UInt32),
    source               LowCardinality(String),
    component            String CODEC(ZSTD(1)),
    component_version    LowCardinality(String),
    arch                 LowCardinality(String),
    file                 String CODEC(ZSTD(1)),
    hash_expected        String CODEC(ZSTD(1)),
    hash_actual          String CODEC(ZSTD(1)),
    mark                 LowCardinality(String),
    operation            LowCardinality(String),
    corruptions_detected Nullable(UInt32),
    repaired             Nullable(UInt32),
    duration_s           Nullable(UInt32),
    health               LowCardinality(String),
    client               LowCardinality(String),
    session_id           String CODEC(ZSTD(1)),
    failure_source       LowCardinality(String),
    start_state          LowCardinality(String),
    target_state         LowCardinality(String),
    reboot_required      Nullable(Bool),
    noise                Bool,
    position             UInt64,
    origin               LowCardinality(String),
    evidence             String CODEC(ZSTD(1)),
    extra                Map(LowCardinality(String), String),
    INDEX stored_at_minmax stored_at TYPE minmax GRANULARITY 1,
    INDEX kb_set kb TYPE set(64) GRANULARITY 4
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(printed_at)
ORDER BY (device_id, printed_at, event_id)
TTL toDateTime(stored_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
