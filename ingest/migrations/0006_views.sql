-- What every reader uses: each event, revision, device and letter once.
-- A key never changes its partition, so partitions need no merging with each
-- other.
CREATE VIEW IF NOT EXISTS v_update_events AS
SELECT * FROM update_events FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE VIEW IF NOT EXISTS v_device_facts AS SELECT * FROM device_facts FINAL;

CREATE VIEW IF NOT EXISTS v_presence AS SELECT * FROM presence FINAL;

CREATE VIEW IF NOT EXISTS v_dead_letters AS SELECT * FROM dead_letters FINAL;

CREATE VIEW IF NOT EXISTS v_codes_seen AS
SELECT
    hresult,
    phase,
    result,
    kb,
    min(first_seen_at) AS first_seen_at,
    max(last_seen_at) AS last_seen_at,
    uniqCombined64Merge(devices) AS devices
FROM codes_seen
GROUP BY hresult, phase, result, kb;
