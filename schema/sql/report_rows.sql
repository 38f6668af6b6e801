-- What a report counts, one row per stored row that belongs to an application, in no order:
-- intervals as microseconds, a year being 360 days, as in stored.sql, lists as JSON. What
-- stands for job_applications, with its times in UTC, says pipeline/source_columns.py. Columns of readings
-- are null where none are stored.
--   time_to_first_human_click   the stored time where there are only human clicks
SELECT
    application_id,
    (
        1000000 * extract(EPOCH FROM time_to_first_click)
        - 453600000000 * extract(YEAR FROM time_to_first_click)
    )::bigint AS time_to_first_click,
    (
        1000000 * extract(EPOCH FROM time_between_first_last_click)
        - 453600000000 * extract(YEAR FROM time_between_first_last_click)
    )::bigint AS time_between_first_last_click,
    to_json(click_sequence)::text AS click_sequence,
    unique_functions_clicked::integer AS unique_functions_clicked,
    total_click_events::integer AS total_click_events,
    to_json(click_days_of_week)::text AS click_days_of_week,
    engagement_score::integer AS engagement_score,
    intent_score::integer AS intent_score,
    hours_to_first_click,
    last_human_click,
    human_clicks,
    machine_clicks,
    own_clicks,
    repeated_clicks,
    engagement_score_all,
    intent_score_all,
    engagement_score_human,
    intent_score_human,
    CASE
        WHEN human_clicks IS NULL OR machine_clicks + own_clicks + repeated_clicks = 0
            THEN (
                1000000 * extract(EPOCH FROM time_to_first_click)
                - 453600000000 * extract(YEAR FROM time_to_first_click)
            )::bigint
        WHEN applied_at >= timestamp '1970-01-01' AND applied_at < timestamp '2100-01-01'
            THEN (1000000 * extract(EPOCH FROM first_human_click - applied_at::timestamp))::bigint
    END AS time_to_first_human_click
FROM link_click_analytics
LEFT JOIN (
    SELECT
        application_id, human_clicks, machine_clicks, own_clicks, repeated_clicks,
        CASE WHEN first_human_click BETWEEN '0001-01-01' AND '9999-12-31' THEN first_human_click END
            AS first_human_click,
        CASE WHEN last_human_click BETWEEN '0001-01-01' AND '9999-12-31' THEN last_human_click END
            AS last_human_click,
        engagement_score_all, intent_score_all, engagement_score_human, intent_score_human
    FROM link_click_readings
) AS readings USING (application_id)
LEFT JOIN (SELECT id, created_at AS applied_at FROM job_applications) AS application
    ON application.id = application_id AND machine_clicks + own_clicks + repeated_clicks > 0
WHERE application_id IS NOT NULL
