-- Writes the staged rows that the snapshot did not have, in key order. Where another run has
-- written a row since, the newer snapshot wins, as in update.sql.
INSERT INTO link_click_analytics (
    application_id,
    job_id,
    time_to_first_click,
    hours_to_first_click,
    time_between_first_last_click,
    hours_between_first_last_click,
    click_sequence,
    unique_functions_clicked,
    total_click_events,
    peak_click_hour,
    click_days_of_week,
    engagement_velocity,
    engagement_score,
    intent_score,
    calculated_at,
    created_at,
    updated_at
)
SELECT
    application_id,
    job_id,
    justify_hours(time_to_first_click * interval '1 microsecond'),
    hours_to_first_click,
    justify_hours(time_between_first_last_click * interval '1 microsecond'),
    hours_between_first_last_click,
    click_sequence,
    unique_functions_clicked,
    total_click_events,
    peak_click_hour,
    click_days_of_week,
    engagement_velocity,
    engagement_score,
    intent_score,
    :'instant'::timestamp,
    :'instant'::timestamp,
    :'instant'::timestamp
FROM pg_temp.clickstats_staging
WHERE NOT is_stored
ORDER BY application_id
ON CONFLICT (application_id) DO UPDATE SET
    job_id = excluded.job_id,
    time_to_first_click = excluded.time_to_first_click,
    hours_to_first_click = excluded.hours_to_first_click,
    time_between_first_last_click = excluded.time_between_first_last_click,
    hours_between_first_last_click = excluded.hours_between_first_last_click,
    click_sequence = excluded.click_sequence,
    unique_functions_clicked = excluded.unique_functions_clicked,
    total_click_events = excluded.total_click_events,
    peak_click_hour = excluded.peak_click_hour,
    click_days_of_week = excluded.click_days_of_week,
    engagement_velocity = excluded.engagement_velocity,
    engagement_score = excluded.engagement_score,
    intent_score = excluded.intent_score,
    calculated_at = excluded.calculated_at,
    updated_at = excluded.updated_at
WHERE
    (
        link_click_analytics.calculated_at > :'instant'::timestamp
        AND link_click_analytics.calculated_at <= clock_timestamp()::timestamp
    ) IS NOT TRUE
