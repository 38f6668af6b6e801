-- What the last published `run --all` saw.
SELECT applications, clicks_read, timezone
FROM clickstats_runs
WHERE command = 'run --all' AND outcome = 'published'
ORDER BY snapshot_at DESC
LIMIT 1
