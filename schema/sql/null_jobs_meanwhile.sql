-- Forgets the jobs, of the rows that this run has written, that have been deleted since its snapshot.
--   instant   when this run's snapshot was taken
UPDATE link_click_analytics AS stored
SET job_id = NULL
WHERE
    stored.calculated_at = :'instant'::timestamp
    AND stored.job_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM jobs AS j WHERE j.id = stored.job_id)
