-- Every click, one row each, in no order. A run adds nothing to this statement but its parameters.
--   link_key_1, link_key_2   128 bits that stand for the tracking id (see docs/decisions/0001-keys.md)
--   clicked_at               null when unusable: null, infinite or outside the years 1970 to 2099
-- In psql: \set seed_1 1  \set seed_2 2  \set application_ids '{}'   ('{}' = every application)
SELECT
    hashtextextended(tracking_id, :'seed_1'::bigint) AS link_key_1,
    hashtextextended(tracking_id, :'seed_2'::bigint) AS link_key_2,
    CASE
        WHEN clicked_at >= timestamp '1970-01-01' AND clicked_at < timestamp '2100-01-01'
            THEN clicked_at::timestamp
    END AS clicked_at
FROM link_clicks
WHERE
    cardinality(:'application_ids'::uuid[]) = 0
    OR tracking_id = ANY (
        ARRAY(
            SELECT tracking_id
            FROM link_tracking
            WHERE application_id = ANY (:'application_ids'::uuid[])
        )
    )
