-- Forgets the jobs that have been deleted since the snapshot of a run.
UPDATE pg_temp.clickstats_staging AS staged
SET job_id = NULL
WHERE NOT EXISTS (SELECT FROM jobs AS j WHERE j.id = staged.job_id)
