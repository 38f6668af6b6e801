-- Every tracking link that names an application, whether or not that application exists.
--   link_key_1          as in clicks.sql
--   application_key_1   as in applications.sql
--   keys_2              10 more bits of the link's key above 10 more of the application's
SELECT
    hashtextextended(tracking_id, :'seed_1'::bigint) AS link_key_1,
    uuid_hash_extended(application_id, :'seed_1'::bigint) AS application_key_1,
    ((hashtextextended(tracking_id, :'seed_2'::bigint) & 1023) << 10)
    | (uuid_hash_extended(application_id, :'seed_2'::bigint) & 1023) AS keys_2,
    link_function::text AS link_function
FROM link_tracking
WHERE
    application_id IS NOT NULL
    AND (
        cardinality(:'application_ids'::uuid[]) = 0
        OR application_id = ANY (:'application_ids'::uuid[])
    )
