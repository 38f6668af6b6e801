-- Deletes the readings of the staged applications that have no used click any more.
DELETE FROM link_click_readings AS stored
USING pg_temp.clickstats_staging AS staged
WHERE
    staged.human_clicks IS NULL
    AND stored.application_id = staged.application_id
