-- The applications to which tracking links or jobs belong.
SELECT application_id::text
FROM link_tracking
WHERE tracking_id = ANY (:'tracking_ids'::text[]) AND application_id IS NOT NULL
UNION
SELECT id::text
FROM job_applications
WHERE job_id = ANY (:'job_ids'::uuid[])
