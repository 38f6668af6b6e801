-- Forgets the jobs that are gone, as a foreign key would have done: those deleted since the snapshot of
-- this run, and those of rows that it does not write, such as frozen ones. A newer run's rows are left
-- to it (as in update.sql).
--   instant   when this run's snapshot was taken
UPDATE link_click_analytics AS stored
SET job_id = NULL
WHERE
    stored.job_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM jobs AS j WHERE j.id = stored.job_id)
    AND (
        stored.calculated_at > :'instant'::timestamp
        AND stored.calculated_at <= clock_timestamp()::timestamp
    ) IS NOT TRUE
