-- What the clicks of an application say when only human ones count, beside what all of them say: one
-- row for each application with a used click.
CREATE TABLE link_click_readings (
    application_id uuid PRIMARY KEY REFERENCES job_applications(id) ON DELETE CASCADE,

    -- clicks by class
    human_clicks integer NOT NULL,
    machine_clicks integer NOT NULL, -- trap, declared, network and sweep
    own_clicks integer NOT NULL,
    repeated_clicks integer NOT NULL,
    first_human_click timestamp, -- UTC; null without a human click
    last_human_click timestamp,

    -- scores, 0 to 100
    engagement_score_all integer NOT NULL,
    intent_score_all integer NOT NULL,
    engagement_score_human integer NOT NULL,
    intent_score_human integer NOT NULL,
    human_rules integer NOT NULL, -- which rules fired for the human clicks, a bit for each

    calculated_at timestamp NOT NULL -- UTC
);

COMMENT ON TABLE link_click_readings IS 'Clicks of each application by class, and both readings of its scores';

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

ALTER TABLE clickstats_runs
ADD COLUMN definition jsonb, -- everything that decided what a row says
ADD COLUMN fingerprint text, -- of the definition
ADD COLUMN frozen bigint, -- applications that kept their stored rows
ADD COLUMN readings_written bigint, -- rows of link_click_readings
ADD COLUMN readings_deleted bigint,
ADD COLUMN clicks_by_class jsonb; -- used clicks
