-- Writes the staged rows that are not stored, in key order.
--   instant   when this run's snapshot was taken
INSERT INTO link_click_analytics (
    id,
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
    coalesce(id, gen_random_uuid()),
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
