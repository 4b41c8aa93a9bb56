-- Devices that are excused from a rollout until a date. Rows are only ever
-- added; the newest of a device counts, and the others are its history.
CREATE TABLE IF NOT EXISTS rollout_exceptions
(
    rollout     LowCardinality(String),
    device_id   String,
    owner       String,
    reason      String,
    until_at    DateTime64(3, 'UTC'),
    recorded_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (rollout, device_id, recorded_at)
SETTINGS non_replicated_deduplication_window = 1000;

-- Maintenance windows; an import replaces them all.
CREATE TABLE IF NOT EXISTS maintenance_windows
(
    import_id   String,
    position    UInt32,
    name        String,
    -- Whom it is for; an empty one is for any.
    ring        LowCardinality(String),
    branch      LowCardinality(String),
    class       LowCardinality(String),
    -- As it was written: days or a date, begin and end, offset from UTC.
    days        String,
    begins      String,
    ends        String,
    utc_offset  String,
    imported_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (imported_at, import_id, position)
SETTINGS non_replicated_deduplication_window = 1000;

-- Every import of a target list, also those that a later one replaced.
CREATE TABLE IF NOT EXISTS rollout_imports
(
    rollout     LowCardinality(String),
    release     LowCardinality(String),
    import_id   String,
    targets     UInt64,
    excluded    UInt64,
    added       UInt64,
    removed     UInt64,
    changed     UInt64,
    imported_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (rollout, imported_at)
SETTINGS non_replicated_deduplication_window = 1000;
