-- Every verdict on a ring as it was given, with its evidence as it stood then.
-- Rows are only ever added: where a number stands twice, the first one counts.
CREATE TABLE IF NOT EXISTS ring_verdicts
(
    rollout      LowCardinality(String),
    ring         LowCardinality(String),
    number       UInt32,
    verdict      LowCardinality(String),
    release      LowCardinality(String),
    -- Open clusters that it names.
    clusters     Array(String),
    given_at     DateTime64(3, 'UTC'),
    code_version LowCardinality(String),
    -- Counts, bounds, classes, devices and event ids, as JSON.
    evidence     String CODEC(ZSTD(3))
)
ENGINE = MergeTree
ORDER BY (rollout, ring, number, given_at)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

-- What people decided on rings. Rows are only ever added.
CREATE TABLE IF NOT EXISTS ring_decisions
(
    rollout        LowCardinality(String),
    ring           LowCardinality(String),
    decision       LowCardinality(String),
    who            String,
    why            String,
    decided_at     DateTime64(3, 'UTC'),
    -- The verdict that stood then; number 0: none.
    verdict_number UInt32,
    verdict        LowCardinality(String),
    via            LowCardinality(String)
)
ENGINE = MergeTree
ORDER BY (rollout, ring, decided_at)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS v_ring_verdicts AS
SELECT rollout, ring, number, verdict, release, clusters, given_at, code_version, evidence
FROM ring_verdicts
ORDER BY given_at
LIMIT 1 BY rollout, ring, number;
