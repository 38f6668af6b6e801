-- Deletes the readings and the changes of scores whose application is gone, as a foreign key would have
-- done: those that have no row of link_click_analytics either. Counts the readings.
WITH forgotten AS (
    DELETE FROM link_click_score_changes AS stored
    WHERE NOT EXISTS (SELECT FROM job_applications AS a WHERE a.id = stored.application_id)
)

DELETE FROM link_click_readings AS stored
WHERE
    NOT EXISTS (SELECT FROM job_applications AS a WHERE a.id = stored.application_id)
    AND NOT EXISTS (
        SELECT FROM link_click_analytics AS a WHERE a.application_id = stored.application_id
    )
