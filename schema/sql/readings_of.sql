-- The stored readings of some applications, as `explain` compares them. A time that is infinite or outside
-- the years 1 to 9999, which another program wrote, is null.
--   application_ids   an array
SELECT
    application_id,
    human_clicks,
    machine_clicks,
    own_clicks,
    repeated_clicks,
    CASE WHEN first_human_click BETWEEN '0001-01-01' AND '9999-12-31' THEN first_human_click END AS first_human_click,
    CASE WHEN last_human_click BETWEEN '0001-01-01' AND '9999-12-31' THEN last_human_click END AS last_human_click,
    engagement_score_all,
    intent_score_all,
    engagement_score_human,
    intent_score_human,
    human_rules
FROM link_click_readings
WHERE application_id = ANY (:'application_ids'::uuid[])
