-- Every tracking link that names an application, whether or not that application exists.
--   link_key_1          as in clicks.sql
--   application_key_1   as in applications.sql
--   keys_2              12 more bits of each key: those of the link above those of the application
SELECT
    hashtextextended(tracking_id, :'seed_1'::bigint) AS link_key_1,
    uuid_hash_extended(application_id, :'seed_1'::bigint) AS application_key_1,
    ((hashtextextended(tracking_id, :'seed_2'::bigint) & 4095) << 12)
    | (uuid_hash_extended(application_id, :'seed_2'::bigint) & 4095) AS keys_2,
    link_function::text AS link_function
FROM link_tracking
WHERE
    application_id IS NOT NULL
    AND (
        cardinality(:'application_ids'::uuid[]) = 0
        OR application_id = ANY (:'application_ids'::uuid[])
    )
