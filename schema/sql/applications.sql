-- Every application, one row each, in no order.
--   job_id       null when there is no such job
--   created_at   null when it is null, infinite or outside the years 1970 to 2099
SELECT
    a.id AS application_id,
    j.id AS job_id,
    CASE
        WHEN a.created_at >= '1970-01-01' AND a.created_at < '2100-01-01'
            THEN a.created_at::timestamp
    END AS created_at
FROM job_applications AS a
LEFT JOIN jobs AS j ON j.id = a.job_id
WHERE
    cardinality(:'application_ids'::uuid[]) = 0
    OR a.id = ANY (:'application_ids'::uuid[])
