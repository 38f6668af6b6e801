-- Which of the columns that name an application's job and company are there and may be read: not in a table whose
-- row-level security holds for this role, since the server would refuse.
--   is_unique   whether an index says that none of its values stands twice
--   type        as the server calls it
SELECT
    wanted.table_name,
    wanted.name,
    EXISTS (
        SELECT FROM pg_index AS i
        WHERE
            i.indrelid = a.attrelid
            AND i.indisunique
            AND i.indisvalid
            AND i.indpred IS NULL
            AND i.indnkeyatts = 1
            AND i.indkey[0] = a.attnum
    ) AS is_unique,
    a.atttypid::regtype::text AS type
FROM (
    VALUES
    ('job_applications', 'application_status'),
    ('jobs', 'job_title'),
    ('jobs', 'company_id'),
    ('companies', 'id'),
    ('companies', 'name')
) AS wanted (table_name, name)
JOIN pg_attribute AS a
    ON
        a.attrelid = to_regclass(wanted.table_name)
        AND a.attname = wanted.name
        AND NOT a.attisdropped
        AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
        AND NOT row_security_active(a.attrelid)
