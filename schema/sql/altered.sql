-- How many rows of this run are stored otherwise than it computed them, or more than once, and the first
-- of them. Of the rest of the row anybody may make what he likes. An application or a job that has gone
-- is no difference.
--   instant   when this run's snapshot was taken
SELECT
    count(*) FILTER (WHERE is_other) + count(*) - count(DISTINCT application_id),
    min(application_id::text) FILTER (WHERE is_other)
FROM (
    SELECT
        written.application_id,
        CASE
            WHEN stored.application_id IS NULL THEN
                EXISTS (SELECT FROM job_applications AS a WHERE a.id = written.application_id)
            WHEN
                (
                    stored.time_to_first_click, stored.hours_to_first_click,
                    stored.time_between_first_last_click, stored.hours_between_first_last_click,
                    stored.click_sequence::text[] COLLATE "C", stored.unique_functions_clicked,
                    stored.total_click_events, stored.peak_click_hour, stored.click_days_of_week,
                    stored.engagement_velocity, stored.engagement_score, stored.intent_score,
                    stored.calculated_at
                ) IS DISTINCT FROM (
                    written.time_to_first_click * interval '1 microsecond',
                    written.hours_to_first_click,
                    written.time_between_first_last_click * interval '1 microsecond',
                    written.hours_between_first_last_click, written.click_sequence,
                    written.unique_functions_clicked, written.total_click_events,
                    written.peak_click_hour, written.click_days_of_week, written.engagement_velocity,
                    written.engagement_score, written.intent_score, :'instant'::timestamp
                )
                THEN true
            WHEN stored.job_id IS NULL THEN
                EXISTS (SELECT FROM jobs AS j WHERE j.id = written.job_id)
            ELSE stored.job_id IS DISTINCT FROM written.job_id
        END AS is_other
    FROM pg_temp.clickstats_written AS written
    LEFT JOIN link_click_analytics AS stored ON stored.application_id = written.application_id
    WHERE written.is_written
) AS compared
