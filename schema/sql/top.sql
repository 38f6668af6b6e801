-- The ten applications to follow up first.
--   last_functions   the functions of the last three clicks, as JSON
SELECT
    application_id,
    engagement_score,
    intent_score,
    total_click_events,
    hours_to_first_click,
    to_json(click_sequence[cardinality(click_sequence) - 2:])::text AS last_functions
FROM link_click_analytics
WHERE application_id IS NOT NULL
ORDER BY
    intent_score DESC NULLS LAST,
    engagement_score DESC NULLS LAST,
    total_click_events DESC NULLS LAST,
    application_id
LIMIT 10
