-- Writes the staged rows over those that are there, but for those that a newer snapshot has
-- written: calculated_at is the instant of a row's snapshot. A calculated_at that is null, infinite
-- or in the future was not written by a run and protects nothing.
--   instant       when this run's snapshot was taken
--   first, last   the range of the staged applications: no need to look further
-- justify_hours gives an interval the form that
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
    calculated_at = :'instant'::timestamp,
    updated_at = CASE
        WHEN
            staged.is_changed
            -- unchanged when it was read, but another run has written since
            OR (
                stored.job_id, stored.time_to_first_click, stored.hours_to_first_click,
                stored.time_between_first_last_click, stored.hours_between_first_last_click,
                stored.click_sequence, stored.unique_functions_clicked, stored.total_click_events,
                stored.peak_click_hour, stored.click_days_of_week, stored.engagement_velocity,
                stored.engagement_score, stored.intent_score
            ) IS DISTINCT FROM (
                staged.job_id, staged.time_to_first_click * interval '1 microsecond',
                staged.hours_to_first_click,
                staged.time_between_first_last_click * interval '1 microsecond',
                staged.hours_between_first_last_click, staged.click_sequence,
                staged.unique_functions_clicked, staged.total_click_events, staged.peak_click_hour,
                staged.click_days_of_week, staged.engagement_velocity, staged.engagement_score,
                staged.intent_score
            )
            THEN :'instant'::timestamp
        ELSE stored.updated_at
    END
FROM (SELECT * FROM pg_temp.clickstats_staging ORDER BY application_id) AS staged
WHERE
    staged.is_stored
    AND staged.is_written
    AND stored.application_id = staged.application_id
    AND stored.application_id BETWEEN :'first'::uuid AND :'last'::uuid
    AND (
        stored.calculated_at > :'instant'::timestamp
        AND stored.calculated_at <= clock_timestamp()::timestamp
    ) IS NOT TRUE
