-- Every click, one row each, in no order. What stands for link_clicks, with its times in UTC, says
-- pipeline/source_times.py; where the columns need nothing done to them, the table itself does.
--   link_key_1   64 bits that stand for the tracking id (see docs/decisions/0001-keys.md)
--   packed       from above: 10 more bits of that key; 2 bits for what the click itself says of where
--       it comes from (1: a declared program, 2: a machine's network, 3: the applicant's own); and,
--       in 52 bits, microseconds since 1970: exact, since a double tells half of one apart below
--       2^52; all of these bits are set when the click is unusable: null, infinite or outside the
--       years 1970 to 2099
-- In psql: \set seed_1 1  \set seed_2 2  \set application_ids '{}'   ('{}' = every application)
--   \set declared_agents '{}'  \set machine_networks '{}'  \set own_networks '{}'
SELECT
    hashtextextended(tracking_id, :'seed_1'::bigint) AS link_key_1,
    (coalesce(hashtextextended(tracking_id, :'seed_2'::bigint), 0) << 54)
    | (
        CASE
            WHEN user_agent = ANY (:'declared_agents'::text[]) THEN 1
            WHEN ip_address <<= ANY (:'machine_networks'::inet[]) THEN 2
            WHEN ip_address <<= ANY (:'own_networks'::inet[]) THEN 3
            ELSE 0
        END::bigint << 52
    ) | CASE
        WHEN clicked_at >= timestamp '1970-01-01' AND clicked_at < timestamp '2100-01-01'
            THEN (1000000 * date_part('epoch', clicked_at::timestamp))::bigint
        ELSE (1::bigint << 52) - 1
    END AS packed
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
