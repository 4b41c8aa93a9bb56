-- Logs that a device's collector cannot read, as its last heartbeat told: source,
-- reason, since when by the device's clock, and how many logs of that source.
ALTER TABLE presence
    ADD COLUMN IF NOT EXISTS unreadable
    Array(Tuple(String, String, DateTime64(3, 'UTC'), UInt32)) AFTER sent_bytes_24h;

CREATE OR REPLACE VIEW v_presence AS SELECT * FROM presence FINAL;

-- What was lost before it was read: totals over all runs, and those of the run
-- that is named in counted_since.
ALTER TABLE source_lines
    ADD COLUMN IF NOT EXISTS lost_bytes UInt64 DEFAULT 0 AFTER unknown_codes,
    ADD COLUMN IF NOT EXISTS lost_files UInt64 DEFAULT 0 AFTER lost_bytes,
    ADD COLUMN IF NOT EXISTS cut_lines UInt64 DEFAULT 0 AFTER lost_files,
    ADD COLUMN IF NOT EXISTS run_lost_bytes UInt64 DEFAULT 0 AFTER run_unknown_codes,
    ADD COLUMN IF NOT EXISTS run_lost_files UInt64 DEFAULT 0 AFTER run_lost_bytes,
    ADD COLUMN IF NOT EXISTS run_cut_lines UInt64 DEFAULT 0 AFTER run_lost_files;

CREATE OR REPLACE VIEW v_source_lines AS
SELECT
    device_id, source, os_build, last_heard_at, lines, unknown_lines, codes, unknown_codes,
    lost_bytes, lost_files, cut_lines
FROM source_lines FINAL;
