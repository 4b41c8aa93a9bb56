-- How much of each source's lines the grammars understood, by device and by the
-- build of Windows that wrote them: a build whose share falls writes something
-- new. Totals over all runs of the collector; the newest row of a key wins.
CREATE TABLE IF NOT EXISTS source_lines
(
    device_id         LowCardinality(String),
    source            LowCardinality(String),
    -- As 17763.3887; empty where the device does not know it.
    os_build          LowCardinality(String),
    last_heard_at     DateTime64(3, 'UTC'),
    lines             UInt64,
    unknown_lines     UInt64,
    -- Failing result codes that records end with.
    codes             UInt64,
    unknown_codes     UInt64,
    -- The run whose totals are in the last four columns, and in the sums above.
    counted_since     DateTime64(3, 'UTC'),
    run_lines         UInt64,
    run_unknown_lines UInt64,
    run_codes         UInt64,
    run_unknown_codes UInt64
)
ENGINE = ReplacingMergeTree(last_heard_at)
ORDER BY (device_id, source, os_build)
TTL toDateTime(last_heard_at) + INTERVAL 180 DAY;

CREATE VIEW IF NOT EXISTS v_source_lines AS
SELECT device_id, source, os_build, last_heard_at, lines, unknown_lines, codes, unknown_codes
FROM source_lines FINAL;
