-- Whether rows may be stale or missing that no change names: the last published `run --all` knew other triggers
-- of change capture, or other tables, or left a part of what was lost, or one of our two tables was emptied since,
-- by a TRUNCATE that cascaded, for instance.
--   catalog   as pipeline.captured.catalog tells
WITH last AS (
    SELECT
        options ->> 'catalog' AS catalog,
        definition -> 'applications' ->> 'frozen_after_days' AS days
    FROM clickstats_runs
    WHERE command = 'run --all' AND outcome = 'published'
    ORDER BY number DESC
    LIMIT 1
)

SELECT
    NOT EXISTS (SELECT FROM last WHERE catalog = :'catalog')
    OR (
        EXISTS (SELECT FROM job_applications)
        AND NOT EXISTS (SELECT FROM link_click_analytics WHERE application_id IS NOT NULL)
    )
    -- frozen applications may have none
    OR (
        NOT EXISTS (SELECT FROM link_click_readings)
        AND EXISTS (
            SELECT FROM link_click_analytics AS stored
            JOIN job_applications AS a ON a.id = stored.application_id
            WHERE stored.engagement_score > 0
        )
        AND NOT EXISTS (SELECT FROM last WHERE days > '0')
    )
