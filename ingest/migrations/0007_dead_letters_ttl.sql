-- Dead letters are looked at within weeks or never; parked batches wait for a
-- newer store for as long as events are kept. Without an end, whoever sends
-- nothing but rubbish could fill the disk.
ALTER TABLE dead_letters MODIFY TTL
    toDateTime(stored_at) + INTERVAL 90 DAY DELETE WHERE kind != 'parked',
    toDateTime(stored_at) + INTERVAL 400 DAY DELETE WHERE kind = 'parked';
