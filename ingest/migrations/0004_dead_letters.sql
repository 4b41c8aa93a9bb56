-- What could not be stored: the sealed batch once, with the rows and reasons.
CREATE TABLE IF NOT EXISTS dead_letters
(
    letter_id   FixedString(16),
    device_id   LowCardinality(String),
    received_at DateTime64(3, 'UTC'),
    stored_at   DateTime64(3, 'UTC') DEFAULT now64(3),
    -- 'batch' (nothing of it stored), 'rows' (the other rows are stored),
    -- 'parked' (a newer format, waiting for a newer store) or 'unparked' (it
    -- was parked and is stored by now).
    kind        LowCardinality(String),
    reason      String,
    -- Number and reason of each rejected row.
    rows        Array(Tuple(UInt32, String)),
    event_count UInt32,
    -- The whole journal record as protobuf.
    record      String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(stored_at)
ORDER BY (device_id, received_at, letter_id)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
