-- What was usual and how unlikely the cluster was, at the strongest look that
-- called it; null where no earlier update tells, and for clusters of before.
ALTER TABLE clusters ADD COLUMN IF NOT EXISTS usual_rate Nullable(Float64);
ALTER TABLE clusters ADD COLUMN IF NOT EXISTS p_value Nullable(Float64);

-- A view holds the columns of the day on which it was made.
DROP VIEW IF EXISTS v_clusters;
CREATE VIEW IF NOT EXISTS v_clusters AS SELECT * FROM clusters FINAL;
