-- How many stored rows have an application that is gone (delete_gone.sql).
SELECT count(*)
FROM link_click_analytics AS stored
WHERE
    stored.application_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM job_applications AS a WHERE a.id = stored.application_id)
