-- What each device costs its network: bytes of batches it sent in 24 hours,
-- repeats included, as its last heartbeat told.
ALTER TABLE presence
    ADD COLUMN IF NOT EXISTS sent_bytes_24h UInt64 DEFAULT 0 AFTER dropped_events;

CREATE OR REPLACE VIEW v_presence AS SELECT * FROM presence FINAL;
