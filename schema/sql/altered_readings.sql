-- How many readings of this run's applications are stored otherwise than it computed them, and the first
-- of them; but for those that it leaves to a newer run (as in keep_ours.sql).
--   instant   when this run's snapshot was taken
SELECT count(*), min(written.application_id::text)
FROM pg_temp.clickstats_written AS written
JOIN link_click_analytics AS ours ON ours.application_id = written.application_id
LEFT JOIN link_click_readings AS stored ON stored.application_id = written.application_id
WHERE
    (
        ours.calculated_at = :'instant'::timestamp
        OR (
            NOT written.is_written
            AND (
                ours.calculated_at > :'instant'::timestamp
                AND ours.calculated_at <= clock_timestamp()::timestamp
            ) IS NOT TRUE
        )
    )
    AND CASE
        WHEN written.human_clicks IS NULL THEN stored.application_id IS NOT NULL
        ELSE (
            stored.human_clicks, stored.machine_clicks, stored.own_clicks, stored.repeated_clicks,
            stored.first_human_click, stored.last_human_click, stored.engagement_score_all,
            stored.intent_score_all, stored.engagement_score_human, stored.intent_score_human,
            stored.human_rules
        ) IS DISTINCT FROM (
            written.human_clicks, written.machine_clicks, written.own_clicks, written.repeated_clicks,
            timestamp '1970-01-01' + written.first_human_click * interval '1 microsecond',
            timestamp '1970-01-01' + written.last_human_click * interval '1 microsecond',
            written.engagement_score_all, written.intent_score_all,
            written.engagement_score_human, written.intent_score_human, written.human_rules
        )
    END
