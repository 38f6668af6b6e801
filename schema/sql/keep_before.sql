-- What is stored before a run writes, as a hash of each row's computed columns: to see afterwards which
-- rows beside its own were altered. Without the job, which a foreign key may null.
CREATE TEMPORARY TABLE clickstats_before ON COMMIT DROP AS
SELECT
    application_id,
    hash_record_extended(
        (
            time_to_first_click, hours_to_first_click, time_between_first_last_click,
            hours_between_first_last_click, click_sequence, unique_functions_clicked,
            total_click_events, peak_click_hour, click_days_of_week, engagement_velocity,
            engagement_score, intent_score, calculated_at
        ),
        0
    ) AS hash
FROM link_click_analytics
WHERE application_id IS NOT NULL;

CREATE TEMPORARY TABLE clickstats_readings_before ON COMMIT DROP AS
SELECT
    application_id,
    engagement_score_human,
    intent_score_human,
    human_rules,
    hash_record_extended(
        (
            human_clicks, machine_clicks, own_clicks, repeated_clicks, first_human_click,
            last_human_click, engagement_score_all, intent_score_all, engagement_score_human,
            intent_score_human, human_rules, calculated_at
        ),
        0
    ) AS hash
FROM link_click_readings
