-- The statuses of the applications, as JSON, the most frequent first. What stands for
-- job_applications says pipeline/source_columns.py.
SELECT
    to_json(application_status::text COLLATE "C")::text AS status,
    count(*) AS applications
FROM job_applications
GROUP BY application_status::text COLLATE "C"
ORDER BY 2 DESC, application_status::text COLLATE "C"
