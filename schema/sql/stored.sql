-- The stored rows that belong to an application, and their readings, in the form in which a run compares them
-- (pipeline/scoring/image.py, image): intervals as microseconds, decimals and arrays as PostgreSQL's text.
-- A month counts 30 days, as in PostgreSQL's comparison of intervals; extract(epoch) gives a year
-- 365.25 of them, hence the 453600 seconds. 9223372036854775807 stands for every interval
-- longer, and every time earlier or later, than a run ever writes.
--   first_id, last_id   the range of the applications
SELECT
    application_id,
    job_id,
    CASE
        WHEN time_to_first_click BETWEEN '-200 years' AND '200 years' THEN
            round(1000000 * (
                date_part('epoch', time_to_first_click)
                - 453600 * date_part('year', time_to_first_click)
            ))::bigint
        WHEN time_to_first_click IS NOT NULL THEN 9223372036854775807
    END AS time_to_first_click,
    hours_to_first_click::text AS hours_to_first_click,
    CASE
        WHEN time_between_first_last_click BETWEEN '-200 years' AND '200 years' THEN
            round(1000000 * (
                date_part('epoch', time_between_first_last_click)
                - 453600 * date_part('year', time_between_first_last_click)
            ))::bigint
        WHEN time_between_first_last_click IS NOT NULL THEN 9223372036854775807
    END AS time_between_first_last_click,
    hours_between_first_last_click::text AS hours_between_first_last_click,
    click_sequence::text AS click_sequence,
    unique_functions_clicked::integer AS unique_functions_clicked,
    total_click_events::integer AS total_click_events,
    peak_click_hour::integer AS peak_click_hour,
    click_days_of_week::text AS click_days_of_week,
    engagement_velocity::text AS engagement_velocity,
    engagement_score::integer AS engagement_score,
    intent_score::integer AS intent_score,
    human_clicks,
    machine_clicks,
    own_clicks,
    repeated_clicks,
    CASE
        WHEN first_human_click >= timestamp '1970-01-01' AND first_human_click < timestamp '2100-01-01'
            THEN (1000000 * date_part('epoch', first_human_click))::bigint
        WHEN first_human_click IS NOT NULL THEN 9223372036854775807
    END AS first_human_click,
    CASE
        WHEN last_human_click >= timestamp '1970-01-01' AND last_human_click < timestamp '2100-01-01'
            THEN (1000000 * date_part('epoch', last_human_click))::bigint
        WHEN last_human_click IS NOT NULL THEN 9223372036854775807
    END AS last_human_click,
    engagement_score_all,
    intent_score_all,
    engagement_score_human,
    intent_score_human,
    human_rules
FROM link_click_analytics
LEFT JOIN (
    SELECT *
    FROM link_click_readings
    WHERE application_id BETWEEN :'first_id'::uuid AND :'last_id'::uuid
) AS readings USING (application_id)
WHERE
    application_id BETWEEN :'first_id'::uuid AND :'last_id'::uuid
    AND (
        cardinality(:'application_ids'::uuid[]) = 0
        OR application_id = ANY (:'application_ids'::uuid[])
    )
