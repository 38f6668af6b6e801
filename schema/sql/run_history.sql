-- The newest `run --all` runs of the ledger, the newest first.
--   seconds   of a failed run: until it gave up
--   written   rows inserted or updated
SELECT
    id,
    started_at,
    outcome,
    exit_code,
    coalesce((seconds ->> 'total')::float8, extract(EPOCH FROM finished_at - started_at)::float8)
        AS seconds,
    applications,
    clicks_read,
    inserted + updated AS written,
    error
FROM clickstats_runs
WHERE command = 'run --all'
ORDER BY number DESC
LIMIT 30
