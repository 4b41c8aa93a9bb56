-- First and last sight of every result code: columns that can never change for
-- an event, so a materialized view may count them. Times are as printed.
CREATE TABLE IF NOT EXISTS codes_seen
(
    hresult       UInt32,
    phase         LowCardinality(String),
    result        LowCardinality(String),
    kb            LowCardinality(String),
    first_seen_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen_at  SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    devices       AggregateFunction(uniqCombined64, String)
)
ENGINE = AggregatingMergeTree
ORDER BY (hresult, phase, result, kb)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE MATERIALIZED VIEW IF NOT EXISTS codes_seen_from_events TO codes_seen AS
SELECT
    assumeNotNull(hresult) AS hresult,
    phase,
    result,
    kb,
    min(printed_at) AS first_seen_at,
    max(printed_at) AS last_seen_at,
    uniqCombined64State(toString(device_id)) AS devices
FROM update_events
WHERE hresult IS NOT NULL AND NOT noise
GROUP BY hresult, phase, result, kb;
