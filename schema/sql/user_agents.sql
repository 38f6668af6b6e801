-- The different user agents of the clicks, those of named applications or of all.
SELECT DISTINCT user_agent
FROM link_clicks
WHERE
    user_agent IS NOT NULL
    AND (
        cardinality(:'application_ids'::uuid[]) = 0
        OR tracking_id = ANY (
            ARRAY(
                SELECT tracking_id
                FROM link_tracking
                WHERE application_id = ANY (:'application_ids'::uuid[])
            )
        )
    )
