-- How many applications and rows there are, and how fresh the rows are (UTC).
--   missing                    applications without a row
--   rows_of_applications       those that another program filled among them
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
    count(application_id) AS rows_of_applications,
    count(*) FILTER (WHERE application_id IS NULL) AS rows_without_application,
    min(calculated_at::timestamp) FILTER (
        WHERE application_id IS NOT NULL AND calculated_at BETWEEN '0001-01-01' AND '9999-12-31'
    ) AS oldest_calculated_at,
    max(calculated_at::timestamp) FILTER (
        WHERE application_id IS NOT NULL AND calculated_at BETWEEN '0001-01-01' AND '9999-12-31'
    ) AS newest_calculated_at,
    max(updated_at::timestamp) FILTER (
        WHERE application_id IS NOT NULL AND updated_at BETWEEN '0001-01-01' AND '9999-12-31'
    ) AS newest_updated_at
FROM link_click_analytics
