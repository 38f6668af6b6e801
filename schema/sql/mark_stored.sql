-- Notes which staged rows are stored by now: another program may have added or deleted some since the
-- snapshot. With an application that went and came back, its readings have gone, too.
UPDATE pg_temp.clickstats_staging AS staged
SET
    is_stored = stored.is_there,
    is_written = staged.is_written OR NOT stored.is_there,
    has_other_readings = staged.has_other_readings OR NOT stored.is_there
FROM (
    SELECT
        s.application_id,
        EXISTS (
            SELECT FROM link_click_analytics AS a WHERE a.application_id = s.application_id
        ) AS is_there
    FROM pg_temp.clickstats_staging AS s
) AS stored
WHERE stored.application_id = staged.application_id
