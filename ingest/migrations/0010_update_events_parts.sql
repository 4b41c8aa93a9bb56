-- Fresh parts keep all columns in one file: forty-five columns in files of their
-- own cost an insert and its fsync more than its rows do. Merged parts outgrow
-- this soon.
ALTER TABLE update_events MODIFY SETTING min_bytes_for_wide_part = 67108864;
