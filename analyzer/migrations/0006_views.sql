-- The contract for dashboards and other BI.
CREATE VIEW IF NOT EXISTS v_device_attempts AS
SELECT
    * REPLACE CAST(attempts, 'Array(Tuple(started_at DateTime64(3, \'UTC\'), ended_at DateTime64(3, \'UTC\'), outcome String, phase String, hresult Nullable(UInt32), benign Bool, evidence Array(FixedString(16))))') AS attempts
FROM device_attempts FINAL;

-- Devices whose latest closed attempt of the KB failed ÷ devices with a closed
-- attempt; pending, cancelled and unknown stand beside.
CREATE VIEW IF NOT EXISTS v_failure_rate AS
SELECT
    kb,
    ring,
    class,
    countIf(closed_outcome != '') AS tried,
    countIf(closed_outcome IN ('failed', 'rolled_back')) AS failed,
    if(tried = 0, 0, failed / tried) AS rate,
    countIf(outcome = 'pending_reboot') AS pending,
    countIf(outcome = 'cancelled') AS cancelled,
    countIf(outcome = 'unknown') AS unknown,
    countIf(outcome = 'gone_silent') AS gone_silent,
    countIf(healed) AS healed
FROM device_attempts FINAL
GROUP BY kb, ring, class;

CREATE VIEW IF NOT EXISTS v_rollout AS
SELECT rollout, ring, state, count() AS devices
FROM rollout_states FINAL
GROUP BY rollout, ring, state;

CREATE VIEW IF NOT EXISTS v_new_codes AS
SELECT
    lower(concat('0x', leftPad(hex(hresult), 8, '0'))) AS hresult,
    first_seen_at,
    last_seen_at,
    episode
FROM failure_codes FINAL
WHERE standing = 'alerted';

CREATE VIEW IF NOT EXISTS v_clusters AS SELECT * FROM clusters FINAL;
