-- Deletes what a run has done of clickstats_changes: each row by its identity, since a transaction that
-- is still open holds lower numbers than others that have ended.
--   relation   the table that the run saw: capture may have been turned off and on since
--   numbers    its rows that the run saw
--   pending    the applications that it left for later: what names them stays
DELETE FROM clickstats_changes AS change
WHERE
    number = ANY (:'numbers'::bigint[])
    AND tableoid::bigint = :'relation'::bigint
    AND (
        cardinality(:'pending'::uuid[]) = 0
        OR (
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
        ) IS NOT TRUE
    )
