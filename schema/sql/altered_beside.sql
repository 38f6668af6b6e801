-- How many rows beside those that this run writes were altered meanwhile, and the first of them; but for
-- those that a newer run has written (as in update.sql).
--   instant   when this run's snapshot was taken
SELECT count(*), min(stored.application_id::text)
FROM link_click_analytics AS stored
LEFT JOIN pg_temp.clickstats_before AS before ON before.application_id = stored.application_id
WHERE
    stored.application_id IS NOT NULL
    AND before.hash IS DISTINCT FROM hash_record_extended(
        (
            stored.time_to_first_click, stored.hours_to_first_click,
            stored.time_between_first_last_click, stored.hours_between_first_last_click,
            stored.click_sequence, stored.unique_functions_clicked, stored.total_click_events,
            stored.peak_click_hour, stored.click_days_of_week, stored.engagement_velocity,
            stored.engagement_score, stored.intent_score, stored.calculated_at
        ),
        0
    )
    AND NOT EXISTS (
        SELECT FROM pg_temp.clickstats_written AS written
        WHERE written.application_id = stored.application_id AND written.is_written
    )
    AND (
        stored.calculated_at > :'instant'::timestamp
        AND stored.calculated_at <= clock_timestamp()::timestamp
    ) IS NOT TRUE
