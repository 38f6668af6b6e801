-- The applications to which tracking links or jobs belong.
--   tracking_ids   as captured.sql gives them
SELECT application_id::text
FROM link_tracking
WHERE
    tracking_id = ANY (
        ARRAY(
            SELECT convert_from(id, current_setting('server_encoding'))
            FROM unnest(:'tracking_ids'::bytea[]) AS id
        )
    )
    AND application_id IS NOT NULL
UNION
SELECT id::text
FROM job_applications
WHERE job_id = ANY (:'job_ids'::uuid[])
