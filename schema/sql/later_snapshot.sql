-- When the snapshot of a `run --all` that is under way was taken, where that is not before an instant. One
-- without a session has died (as in start_run.sql).
--   instant   when another snapshot was taken, after it
SELECT max(r.snapshot_at)
FROM clickstats_runs AS r
WHERE
    r.command = 'run --all'
    AND r.outcome = 'running'
    AND r.snapshot_at >= :'instant'::timestamp
    AND EXISTS (
        SELECT FROM pg_stat_activity AS a
        WHERE a.application_name = 'clickstats/' || r.id::text
    )
