-- How many rows beside those that this run writes were altered or deleted meanwhile, and the first of
-- them; but for those that a newer run has written (as in update.sql), and of applications that have gone.
--   instant   when this run's snapshot was taken
WITH stored AS (
    SELECT
        application_id,
        calculated_at,
        hash_record_extended(
            (
                time_to_first_click, hours_to_first_click, time_between_first_last_click,
                hours_between_first_last_click, click_sequence, unique_functions_clicked,
                total_click_events, peak_click_hour, click_days_of_week, engagement_velocity,
                engagement_score, intent_score, calculated_at
            ),
            0
        ) AS hash
    FROM link_click_analytics
    WHERE application_id IS NOT NULL
),

readings AS (
    SELECT
        application_id,
        hash_record_extended(
            (
                human_clicks, machine_clicks, own_clicks, repeated_clicks, first_human_click,
                last_human_click, engagement_score_all, intent_score_all, engagement_score_human,
                intent_score_human, human_rules, calculated_at
            ),
            0
        ) AS hash
    FROM link_click_readings
),

altered AS (
    SELECT application_id
    FROM stored
    FULL JOIN pg_temp.clickstats_before AS before USING (application_id)
    WHERE
        before.hash IS DISTINCT FROM stored.hash
        AND NOT EXISTS (
            SELECT FROM pg_temp.clickstats_written AS written
            WHERE written.application_id = coalesce(stored.application_id, before.application_id)
                AND written.is_written
        )
    UNION ALL
    SELECT application_id
    FROM readings
    FULL JOIN pg_temp.clickstats_readings_before AS before USING (application_id)
    WHERE
        before.hash IS DISTINCT FROM readings.hash
        AND NOT EXISTS (
            SELECT FROM pg_temp.clickstats_written AS written
            WHERE written.application_id = coalesce(readings.application_id, before.application_id)
        )
)

SELECT count(*), min(altered.application_id::text)
FROM altered
LEFT JOIN stored ON stored.application_id = altered.application_id
WHERE
    (
        stored.calculated_at > :'instant'::timestamp
        AND stored.calculated_at <= clock_timestamp()::timestamp
    ) IS NOT TRUE
    AND (
        stored.application_id IS NOT NULL
        OR EXISTS (SELECT FROM job_applications AS a WHERE a.id = altered.application_id)
    )
