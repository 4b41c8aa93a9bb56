-- What a patch manager rolls out: a KB per build family.
CREATE TABLE IF NOT EXISTS releases
(
    release    String,
    family     UInt32,
    kb         LowCardinality(String),
    -- Level from which a device complies.
    revision   UInt32,
    revised_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(revised_at)
ORDER BY (release, family)
SETTINGS non_replicated_deduplication_window = 1000;

-- A rollout and the import of its target list that counts; older imports stay
-- as history.
CREATE TABLE IF NOT EXISTS rollouts
(
    rollout     String,
    release     String,
    import_id   String,
    imported_at DateTime64(3, 'UTC'),
    revised_at  DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(revised_at)
ORDER BY rollout
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS rollout_targets
(
    rollout   LowCardinality(String),
    import_id LowCardinality(String),
    device_id String,
    ring      LowCardinality(String),
    -- Why a person took it out, or empty.
    excluded  String
)
ENGINE = ReplacingMergeTree
ORDER BY (rollout, import_id, device_id)
SETTINGS non_replicated_deduplication_window = 1000;

-- How each target stands, replaced whole.
CREATE TABLE IF NOT EXISTS rollout_states
(
    rollout    LowCardinality(String),
    device_id  String,
    ring       LowCardinality(String),
    state      LowCardinality(String),
    revised_at DateTime64(3, 'UTC'),
    gone       UInt8
)
ENGINE = ReplacingMergeTree(revised_at, gone)
ORDER BY (rollout, device_id)
SETTINGS non_replicated_deduplication_window = 1000;

-- Read-only shares that may serve as repair sources.
CREATE TABLE IF NOT EXISTS depots
(
    name       String,
    path       String,
    build      String,
    edition    String,
    language   String,
    arch       String,
    revised_at DateTime64(3, 'UTC'),
    gone       UInt8
)
ENGINE = ReplacingMergeTree(revised_at, gone)
ORDER BY name
SETTINGS non_replicated_deduplication_window = 1000;
