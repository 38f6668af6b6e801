-- The newest runs, by number and not by the clock; the last `run --all` and the last published one are among them, however old.
WITH newest AS (
    SELECT * FROM clickstats_runs ORDER BY number DESC LIMIT 20
),

last_published AS (
    SELECT * FROM clickstats_runs
    WHERE command = 'run --all' AND outcome = 'published'
    ORDER BY number DESC
    LIMIT 1
),

last_attempt AS (
    SELECT * FROM clickstats_runs WHERE command = 'run --all' ORDER BY number DESC LIMIT 1
)

SELECT
    id, command, started_at, finished_at, snapshot_at, timezone, outcome, exit_code,
    applications, inserted, updated, unchanged, pending,
    clicks_read, clicks_unusable, clicks_unattributed,
    fingerprint, clicks_by_class, frozen, readings_written, readings_deleted,
    seconds, wal_bytes, peak_memory_bytes, warnings, error
FROM clickstats_runs
WHERE id IN (
    SELECT id FROM newest UNION SELECT id FROM last_published UNION SELECT id FROM last_attempt
)
ORDER BY number DESC
