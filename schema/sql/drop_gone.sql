-- Drops from a run the applications that have been deleted since its snapshot.
DELETE FROM pg_temp.clickstats_staging AS staged
WHERE NOT EXISTS (SELECT FROM job_applications AS a WHERE a.id = staged.application_id)
