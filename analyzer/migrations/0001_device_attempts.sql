-- One row per device and KB with all its attempts, replaced whole. The columns
-- before the array say how the device stands: by its latest attempt, and by
-- its latest closed one, which counts in the failure rate.
CREATE TABLE IF NOT EXISTS device_attempts
(
    device_id      LowCardinality(String),
    kb             LowCardinality(String),
    build          LowCardinality(String),
    kind           LowCardinality(String),
    outcome        LowCardinality(String),
    phase          LowCardinality(String),
    hresult        Nullable(UInt32),
    -- succeeded, failed, rolled_back, or empty without a closed attempt.
    closed_outcome LowCardinality(String),
    closed_hresult Nullable(UInt32),
    closed_at      Nullable(DateTime64(3, 'UTC')),
    healed         Bool,
    started_at     DateTime64(3, 'UTC'),
    ended_at       DateTime64(3, 'UTC'),
    ring           LowCardinality(String),
    class          LowCardinality(String),
    branch         LowCardinality(String),
    image          LowCardinality(String),
    -- In time order; v_device_attempts names the parts: started_at, ended_at,
    -- outcome, phase, hresult, benign, evidence.
    attempts       Array(Tuple(DateTime64(3, 'UTC'), DateTime64(3, 'UTC'), String, String, Nullable(UInt32), Bool, Array(FixedString(16)))),
    -- Hash of the row, so that an unchanged one is not written again.
    digest         UInt64,
    revised_at     DateTime64(3, 'UTC'),
    -- The events that made it are gone: no such attempt any more.
    gone           UInt8
)
ENGINE = ReplacingMergeTree(revised_at, gone)
ORDER BY (device_id, kb)
SETTINGS non_replicated_deduplication_window = 1000;
