-- Drops from a run the applications that have been deleted since its snapshot.
--   first, last   the range of the staged applications: no need to look further
DELETE FROM pg_temp.clickstats_staging AS staged
WHERE
    NOT EXISTS (
        SELECT FROM job_applications AS a
        WHERE a.id = staged.application_id AND a.id BETWEEN :'first'::uuid AND :'last'::uuid
    )
