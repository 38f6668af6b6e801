-- Every application, one row each, in no order.
--   job_id       null when there is no such job
--   created_at   null when it is null, infinite or outside the years 1970 to 2099
--   application_key_1, application_key_2   64 and 10 bits that stand for the id, as in
--       links.sql
SELECT
    a.id AS application_id,
    uuid_hash_extended(a.id, :'seed_1'::bigint) AS application_key_1,
    uuid_hash_extended(a.id, :'seed_2'::bigint) & 1023 AS application_key_2,
    j.id AS job_id,
    CASE
        WHEN a.created_at >= timestamp '1970-01-01' AND a.created_at < timestamp '2100-01-01'
            THEN a.created_at::timestamp
    END AS created_at
FROM job_applications AS a
LEFT JOIN jobs AS j ON j.id = a.job_id
WHERE
    cardinality(:'application_ids'::uuid[]) = 0
    OR a.id = ANY (:'application_ids'::uuid[])
