-- What a report counts, one row per stored row that belongs to an application, in no order:
-- intervals as microseconds, lists as JSON.
SELECT
    (1000000 * extract(EPOCH FROM time_to_first_click))::bigint AS time_to_first_click,
    (1000000 * extract(EPOCH FROM time_between_first_last_click))::bigint
        AS time_between_first_last_click,
    to_json(click_sequence)::text AS click_sequence,
    unique_functions_clicked::integer AS unique_functions_clicked,
    total_click_events::integer AS total_click_events,
    to_json(click_days_of_week)::text AS click_days_of_week,
    engagement_score::integer AS engagement_score,
    intent_score::integer AS intent_score
FROM link_click_analytics
WHERE application_id IS NOT NULL
