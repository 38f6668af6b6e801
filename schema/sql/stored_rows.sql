-- The stored rows that belong to an application, by application_id, with intervals as microseconds
-- and lists as JSON. A year counts 360 days, as in stored.sql. An instant that is infinite or outside the
-- years 1 to 9999, which another program wrote, is null. A null parameter filters nothing.
--   after, row_limit   the page: rows beyond this application_id, at most so many
--   since              rows whose updated_at is not before this instant (UTC)
SELECT
    application_id,
    job_id,
    (
        1000000 * extract(EPOCH FROM time_to_first_click)
        - 453600000000 * extract(YEAR FROM time_to_first_click)
    )::bigint AS time_to_first_click,
    hours_to_first_click,
    (
        1000000 * extract(EPOCH FROM time_between_first_last_click)
        - 453600000000 * extract(YEAR FROM time_between_first_last_click)
    )::bigint AS time_between_first_last_click,
    hours_between_first_last_click,
    to_json(click_sequence)::text AS click_sequence,
    unique_functions_clicked::integer AS unique_functions_clicked,
    total_click_events::integer AS total_click_events,
    peak_click_hour::integer AS peak_click_hour,
    to_json(click_days_of_week)::text AS click_days_of_week,
    engagement_velocity,
    engagement_score::integer AS engagement_score,
    intent_score::integer AS intent_score,
    CASE WHEN calculated_at BETWEEN '0001-01-01' AND '9999-12-31' THEN calculated_at::timestamp END AS calculated_at,
    CASE WHEN created_at BETWEEN '0001-01-01' AND '9999-12-31' THEN created_at::timestamp END AS created_at,
    CASE WHEN updated_at BETWEEN '0001-01-01' AND '9999-12-31' THEN updated_at::timestamp END AS updated_at
FROM link_click_analytics
WHERE
    application_id IS NOT NULL
    AND (:'application_ids'::uuid[] IS NULL OR application_id = ANY (:'application_ids'::uuid[]))
    AND (:'after'::uuid IS NULL OR application_id > :'after'::uuid)
    AND (:'min_engagement'::integer IS NULL OR engagement_score >= :'min_engagement'::integer)
    AND (:'min_intent'::integer IS NULL OR intent_score >= :'min_intent'::integer)
    AND (:'since'::timestamp IS NULL OR updated_at >= :'since'::timestamp)
ORDER BY application_id
LIMIT :'row_limit'::bigint
