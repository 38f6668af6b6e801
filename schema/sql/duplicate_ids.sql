-- Ids that stand more than once in job_applications or in jobs: how many, and the first of them.
SELECT 'job_applications' AS name, count(*) AS ids, min(id::text) AS first_id
FROM (SELECT id FROM job_applications GROUP BY id HAVING count(*) > 1) AS duplicate
HAVING count(*) > 0
UNION ALL
SELECT 'jobs', count(*), min(id::text)
FROM (SELECT id FROM jobs GROUP BY id HAVING count(*) > 1) AS duplicate
HAVING count(*) > 0
