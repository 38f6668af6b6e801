-- The numbers of the changes that name applications which a run left for later, or their links or jobs, or
-- everything.
--   pending    the applications
SELECT coalesce(array_agg(change.number), '{}')::text
FROM clickstats_changes AS change
WHERE
    coalesce(tracking_id, application_id::text, job_id::text) IS NULL
    OR application_id = ANY (:'pending'::uuid[])
    OR tracking_id IN (
        SELECT link.tracking_id FROM link_tracking AS link
        WHERE link.application_id = ANY (:'pending'::uuid[])
    )
    OR job_id IN (
        SELECT application.job_id FROM job_applications AS application
        WHERE application.id = ANY (:'pending'::uuid[])
    )
