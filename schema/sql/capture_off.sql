-- Ends change capture; the triggers go with their functions.
DROP FUNCTION IF EXISTS
    clickstats_capture_clicks(), clickstats_capture_links(), clickstats_capture_applications(),
    clickstats_capture_jobs(), clickstats_capture_truncate() CASCADE;

DROP TABLE IF EXISTS clickstats_changes
