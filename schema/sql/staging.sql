-- The rows that a run writes, in the form of schema/sql/stored.sql; gone with the transaction.
--   id            for a row that is not stored; null: any
--   is_stored     whether the snapshot had a row for this application
--   is_changed    whether a value differs, so that updated_at moves
--   is_written    whether the row of link_click_analytics is written; else only its readings are
--   has_other_readings   whether the row of link_click_readings differed, so that it is written
--   human_clicks and the columns after it   the row of link_click_readings; null: there is none
CREATE TEMPORARY TABLE clickstats_staging (
    id uuid,
    application_id uuid NOT NULL,
    job_id uuid,
    time_to_first_click bigint,
    hours_to_first_click numeric(10, 2),
    time_between_first_last_click bigint,
    hours_between_first_last_click numeric(10, 2),
    click_sequence text[],
    unique_functions_clicked integer,
    total_click_events integer,
    peak_click_hour integer,
    click_days_of_week integer[],
    engagement_velocity numeric(10, 4),
    engagement_score integer,
    intent_score integer,
    human_clicks integer,
    machine_clicks integer,
    own_clicks integer,
    repeated_clicks integer,
    first_human_click bigint,
    last_human_click bigint,
    engagement_score_all integer,
    intent_score_all integer,
    engagement_score_human integer,
    intent_score_human integer,
    human_rules integer,
    is_stored boolean NOT NULL,
    is_changed boolean NOT NULL,
    is_written boolean NOT NULL,
    has_other_readings boolean NOT NULL
) ON COMMIT DROP
