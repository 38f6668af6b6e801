-- Where the usable clicks of named applications come from, one row each, in no order. What stands for
-- link_clicks says pipeline/source_columns.py.
--   link_key_1   as in clicks.sql
--   mark         what the click itself says, as in clicks.sql
SELECT
    hashtextextended(tracking_id, :'seed_1'::bigint) AS link_key_1,
    clicked_at::timestamp AS clicked_at,
    CASE
        WHEN user_agent = ANY (:'declared_agents'::text[]) THEN 1
        WHEN ip_address <<= ANY (:'machine_networks'::inet[]) THEN 2
        WHEN ip_address <<= ANY (:'own_networks'::inet[]) THEN 3
        ELSE 0
    END AS mark,
    to_json(user_agent)::text AS user_agent,
    abbrev(ip_address) AS ip_address
FROM link_clicks
WHERE
    clicked_at >= timestamp '1970-01-01' AND clicked_at < timestamp '2100-01-01'
    AND tracking_id = ANY (
        ARRAY(
            SELECT tracking_id
            FROM link_tracking
            WHERE application_id = ANY (:'application_ids'::uuid[])
        )
    )
