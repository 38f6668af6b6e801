-- How the scores of applications went over time: one row for each run that changed a score of the human
-- reading. A first load and a change of the definition write none.
CREATE TABLE link_click_score_changes (
    application_id uuid NOT NULL REFERENCES job_applications(id) ON DELETE CASCADE,
    run_id uuid NOT NULL, -- of clickstats_runs
    changed_at timestamp NOT NULL, -- UTC: the snapshot of the run
    engagement_score_before integer NOT NULL, -- 0 of an application that is new
    intent_score_before integer NOT NULL,
    rules_before integer NOT NULL, -- as link_click_readings.human_rules
    engagement_score integer NOT NULL,
    intent_score integer NOT NULL,
    rules integer NOT NULL,
    PRIMARY KEY (run_id, application_id)
);

CREATE INDEX idx_score_changes_application ON link_click_score_changes(application_id);
CREATE INDEX idx_score_changes_changed_at ON link_click_score_changes(changed_at);

COMMENT ON TABLE link_click_score_changes IS 'What each run changed about the scores of the human reading';
