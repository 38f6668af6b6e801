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

ALTER TABLE clickstats_runs
ADD COLUMN definition jsonb, -- everything that decided what a row says
ADD COLUMN fingerprint text, -- of the definition
ADD COLUMN frozen bigint, -- applications that kept their stored rows
ADD COLUMN readings_written bigint, -- rows of link_click_readings
ADD COLUMN readings_deleted bigint,
ADD COLUMN clicks_by_class jsonb; -- used clicks
