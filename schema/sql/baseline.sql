-- What the last published `run --all` saw, and by which definition it computed: the one with the
-- highest number, whatever the clock said.
SELECT applications, clicks_read, timezone, snapshot_at, definition,
    options ->> 'catalog' AS catalog, coalesce(pending, 0) AS pending
FROM clickstats_runs
WHERE command = 'run --all' AND outcome = 'published'
ORDER BY number DESC
LIMIT 1
