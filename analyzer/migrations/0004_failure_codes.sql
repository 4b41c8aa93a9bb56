-- Final codes of failed attempts that this fleet has shown, or that a baseline
-- brought along.
CREATE TABLE IF NOT EXISTS failure_codes
(
    hresult       UInt32,
    -- First sight of the present episode: no sight for 180 days before it.
    first_seen_at DateTime64(3, 'UTC'),
    last_seen_at  DateTime64(3, 'UTC'),
    -- Episodes so far; names the alert.
    episode       UInt32,
    -- seen, baseline or alerted.
    standing      LowCardinality(String),
    revised_at    DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(revised_at)
ORDER BY hresult
SETTINGS non_replicated_deduplication_window = 1000;

-- Facts about the analyzer itself, such as when a baseline was imported.
CREATE TABLE IF NOT EXISTS analyzer_state
(
    key        String,
    value      String,
    revised_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(revised_at)
ORDER BY key
SETTINGS non_replicated_deduplication_window = 1000;
