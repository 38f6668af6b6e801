-- Deletes what a run has done of clickstats_changes: each row by its identity, since a transaction that
-- is still open holds lower numbers than others that have ended.
--   numbers    of the rows that the run saw
--   instants   of the same rows: numbers begin anew when capture is turned off and on, and where rows came
--              without their sequence, by logical replication for instance
--   pending    the applications that it left for later: what names them stays
DELETE FROM clickstats_changes AS change
WHERE
    (number, changed_at) IN (
        SELECT * FROM unnest(:'numbers'::bigint[], :'instants'::timestamp[])
    )
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
