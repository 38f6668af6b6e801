-- Every click, one row each, in no order. A run adds nothing to this statement but its parameters.
--   link_key_1             64 bits that stand for the tracking id (see docs/decisions/0001-keys.md)
--   link_key_2_and_clicked_at   12 more bits of that key above, and below, in 52 bits, microseconds
--       since 1970: exact, since a double tells half of one apart below 2^52; all of these bits are
--       set when the click is unusable: null, infinite or outside the years 1970 to 2099
-- In psql: \set seed_1 1  \set seed_2 2  \set application_ids '{}'   ('{}' = every application)
SELECT
    hashtextextended(tracking_id, :'seed_1'::bigint) AS link_key_1,
    (coalesce(hashtextextended(tracking_id, :'seed_2'::bigint), 0) << 52) | CASE
        WHEN clicked_at >= timestamp '1970-01-01' AND clicked_at < timestamp '2100-01-01'
            THEN (1000000 * date_part('epoch', clicked_at::timestamp))::bigint
        ELSE (1::bigint << 52) - 1
    END AS link_key_2_and_clicked_at
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
