-- What the last published `run --all` saw: the one with the highest number, whatever the clock said.
SELECT applications, clicks_read, timezone, snapshot_at
FROM clickstats_runs
WHERE command = 'run --all' AND outcome = 'published'
ORDER BY number DESC
LIMIT 1
