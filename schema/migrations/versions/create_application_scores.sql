-- Both readings without a join: one row for each row of link_click_analytics. An application without
-- a used click has no row of readings, and what is stored of it is what both readings say.
CREATE VIEW application_scores AS
SELECT
    analytics.application_id,
    analytics.job_id,
    coalesce(readings.engagement_score_all, analytics.engagement_score) AS engagement_score_all,
    coalesce(readings.intent_score_all, analytics.intent_score) AS intent_score_all,
    coalesce(readings.engagement_score_human, analytics.engagement_score) AS engagement_score_human,
    coalesce(readings.intent_score_human, analytics.intent_score) AS intent_score_human,
    coalesce(readings.human_clicks, 0) AS human_clicks,
    coalesce(readings.machine_clicks, 0) AS machine_clicks,
    coalesce(readings.own_clicks, 0) AS own_clicks,
    coalesce(readings.repeated_clicks, 0) AS repeated_clicks,
    readings.first_human_click,
    readings.last_human_click,
    analytics.calculated_at
FROM link_click_analytics AS analytics
LEFT JOIN link_click_readings AS readings ON readings.application_id = analytics.application_id;

COMMENT ON VIEW application_scores IS 'Both readings of both scores of each application: of all clicks, and of human clicks only';
