-- Cuts the ids of all applications into ranges of so many: the first id of each range but the first,
-- in no order.
--   per_range   applications in each range
SELECT id AS application_id
FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM job_applications) AS numbered
WHERE number > 1 AND number % :'per_range'::bigint = 1
