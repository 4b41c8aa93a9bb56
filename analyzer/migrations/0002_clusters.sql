-- Every cluster that was ever called, one row each, replaced whole.
CREATE TABLE IF NOT EXISTS clusters
(
    cluster_id  String,
    kb          LowCardinality(String),
    hresult     UInt32,
    phase       LowCardinality(String),
    generation  UInt32,
    life        LowCardinality(String),
    since_at    DateTime64(3, 'UTC'),
    called_at   DateTime64(3, 'UTC'),
    closed_at   Nullable(DateTime64(3, 'UTC')),
    returned_at Nullable(DateTime64(3, 'UTC')),
    failed      UInt64,
    ever_failed UInt64,
    healed      UInt64,
    tried       UInt64,
    cause       String,
    revised_at  DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(revised_at)
ORDER BY cluster_id
SETTINGS non_replicated_deduplication_window = 1000;
