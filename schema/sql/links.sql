-- Every tracking link that names an application, whether or not that application exists.
--   link_key_1, link_key_2   as in clicks.sql
--   application_key          the 16 bytes of the application's id
SELECT
    hashtextextended(tracking_id, :'seed_1'::bigint) AS link_key_1,
    hashtextextended(tracking_id, :'seed_2'::bigint) AS link_key_2,
    uuid_send(application_id) AS application_key,
    link_function::text AS link_function
FROM link_tracking
WHERE
    application_id IS NOT NULL
    AND (
        cardinality(:'application_ids'::uuid[]) = 0
        OR application_id = ANY (:'application_ids'::uuid[])
    )
