-- Beside its alias the name hresult meant the alias everywhere: events without
-- a code were counted under code 0. Named by their table, columns are meant.
DROP VIEW IF EXISTS codes_seen_from_events;

CREATE MATERIALIZED VIEW IF NOT EXISTS codes_seen_from_events TO codes_seen AS
SELECT
    assumeNotNull(e.hresult) AS hresult,
    e.phase AS phase,
    e.result AS result,
    e.kb AS kb,
    min(e.printed_at) AS first_seen_at,
    max(e.printed_at) AS last_seen_at,
    uniqCombined64State(toString(e.device_id)) AS devices
FROM update_events AS e
WHERE e.hresult IS NOT NULL AND NOT e.noise
GROUP BY hresult, phase, result, kb;

-- What was counted there; kbwatch-ingest rebuild brings back what belongs there.
ALTER TABLE codes_seen DELETE WHERE hresult = 0;
