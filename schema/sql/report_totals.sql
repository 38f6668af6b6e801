-- How many applications and rows there are, and how fresh the rows are (UTC).
--   missing                    applications without a row
--   rows_without_application   written by another program
SELECT
    (SELECT count(*) FROM job_applications) AS applications,
    (
        SELECT count(*)
        FROM job_applications AS application
        WHERE NOT EXISTS (
            SELECT FROM link_click_analytics AS stored WHERE stored.application_id = application.id
        )
    ) AS missing,
    count(*) FILTER (WHERE application_id IS NULL) AS rows_without_application,
    min(calculated_at) FILTER (WHERE application_id IS NOT NULL) AS oldest_calculated_at,
    max(calculated_at) FILTER (WHERE application_id IS NOT NULL) AS newest_calculated_at,
    max(updated_at) FILTER (WHERE application_id IS NOT NULL) AS newest_updated_at
FROM link_click_analytics
