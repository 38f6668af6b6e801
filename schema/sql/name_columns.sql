-- Which of the columns that name an application's job and company are there and may be read.
SELECT wanted.table_name, wanted.name
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
