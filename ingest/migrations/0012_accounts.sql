-- What each stage received and what became of it, a row per minute and start of
-- a process. Rows hold what changed since the row before, so that
-- carried + received = stored + rejected + duplicate + returned + in_flight in
-- every row, and in every sum of rows. The last minute of a process that is
-- killed is missing; what it had in flight comes again.
CREATE TABLE IF NOT EXISTS accounts
(
    -- In which the row began; a later one may be missing where ClickHouse was
    -- away, and is in this row then.
    minute    DateTime('UTC'),
    -- Host, process id and a random number.
    process   String,
    -- 'receive' or 'store'.
    stage     LowCardinality(String),
    -- 'batches' or 'events'.
    unit      LowCardinality(String),
    -- Of a row that was written again the highest counts.
    revision  UInt64,
    -- In flight when the row began.
    carried   UInt64,
    received  UInt64,
    stored    UInt64,
    rejected  UInt64,
    duplicate UInt64,
    -- Given back to whoever sent it, who sends it again.
    returned  UInt64,
    -- In flight when the row ended.
    in_flight UInt64
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (minute, stage, unit, process)
TTL minute + INTERVAL 90 DAY;

CREATE VIEW IF NOT EXISTS v_accounts AS
SELECT
    minute,
    stage,
    unit,
    count() AS processes,
    sum(a.carried) AS carried,
    sum(a.received) AS received,
    sum(a.stored) AS stored,
    sum(a.rejected) AS rejected,
    sum(a.duplicate) AS duplicate,
    sum(a.returned) AS returned,
    sum(a.in_flight) AS in_flight,
    sum(toInt64(a.carried + a.received)
        - toInt64(a.stored + a.rejected + a.duplicate + a.returned + a.in_flight)) AS unaccounted
FROM accounts AS a FINAL
GROUP BY minute, stage, unit;

-- From the gateway's door to the tables, by day. What receipts were given for
-- and no store has settled waits in the journal; below zero where batches came
-- to the stores twice, or a sender gave up waiting for one that was stored.
CREATE VIEW IF NOT EXISTS v_accounts_end_to_end AS
SELECT
    toDate(a.minute) AS day,
    sumIf(a.received, a.stage = 'receive') AS received_batches,
    sumIf(a.rejected, a.stage = 'receive') AS refused_batches,
    sumIf(a.returned, a.stage = 'receive') AS asked_again_batches,
    sumIf(a.stored, a.stage = 'receive') AS receipts,
    sumIf(a.received, a.stage = 'store' AND a.unit = 'batches') AS taken_batches,
    sumIf(a.returned, a.stage = 'store' AND a.unit = 'batches') AS given_back_batches,
    sumIf(a.rejected, a.stage = 'store' AND a.unit = 'batches') AS dead_batches,
    sumIf(a.stored, a.stage = 'store' AND a.unit = 'batches') AS stored_batches,
    sumIf(toInt64(a.stored), a.stage = 'receive')
        - sumIf(toInt64(a.stored + a.rejected), a.stage = 'store' AND a.unit = 'batches') AS journal_batches,
    sumIf(a.received, a.unit = 'events') AS unpacked_events,
    sumIf(a.stored, a.unit = 'events') AS stored_events,
    sumIf(a.rejected, a.unit = 'events') AS rejected_events,
    sumIf(a.duplicate, a.unit = 'events') AS duplicate_events,
    sumIf(a.returned, a.unit = 'events') AS given_back_events,
    sum(toInt64(a.carried + a.received)
        - toInt64(a.stored + a.rejected + a.duplicate + a.returned + a.in_flight)) AS unaccounted
FROM accounts AS a FINAL
GROUP BY day;
