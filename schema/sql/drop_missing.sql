-- After a foreign key failed: an application deleted since the snapshot is dropped from the run, a
-- deleted job nulled.
DELETE FROM pg_temp.clickstats_staging AS staged
WHERE NOT EXISTS (SELECT FROM job_applications AS a WHERE a.id = staged.application_id);

UPDATE pg_temp.clickstats_staging AS staged
SET job_id = NULL
WHERE NOT EXISTS (SELECT FROM jobs AS j WHERE j.id = staged.job_id)
