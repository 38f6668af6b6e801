-- Writes the staged rows over those that are there. justify_hours gives an interval the form that
-- the subtraction of two timestamps gives.
UPDATE link_click_analytics AS stored
SET
    job_id = staged.job_id,
    time_to_first_click
        = justify_hours(staged.time_to_first_click * interval '1 microsecond'),
    hours_to_first_click = staged.hours_to_first_click,
    time_between_first_last_click
        = justify_hours(staged.time_between_first_last_click * interval '1 microsecond'),
    hours_between_first_last_click = staged.hours_between_first_last_click,
    click_sequence = staged.click_sequence,
    unique_functions_clicked = staged.unique_functions_clicked,
    total_click_events = staged.total_click_events,
    peak_click_hour = staged.peak_click_hour,
    click_days_of_week = staged.click_days_of_week,
    engagement_velocity = staged.engagement_velocity,
    engagement_score = staged.engagement_score,
    intent_score = staged.intent_score,
    calculated_at = :'now'::timestamp,
    updated_at = CASE WHEN staged.is_changed THEN :'now'::timestamp ELSE stored.updated_at END
FROM pg_temp.clickstats_staging AS staged
WHERE staged.is_stored AND stored.application_id = staged.application_id
