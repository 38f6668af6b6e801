-- Tells those that run beside a `run --all` when its snapshot was taken.
--   id        of the run
--   instant   when its snapshot was taken
UPDATE clickstats_runs
SET snapshot_at = :'instant'::timestamp
WHERE id = :'id'::uuid
