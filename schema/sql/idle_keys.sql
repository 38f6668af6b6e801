-- Which of the tables that link_click_analytics refers to no foreign key guards now: it was dropped, or its
-- triggers are switched off.
SELECT referred.name
FROM (VALUES ('job_applications', 'application_id'), ('jobs', 'job_id')) AS referred (name, key)
WHERE NOT EXISTS (
    SELECT FROM pg_constraint AS con
    JOIN pg_attribute AS a ON a.attrelid = con.conrelid AND con.conkey = ARRAY[a.attnum]
    WHERE
        con.contype = 'f'
        AND con.conrelid = to_regclass('link_click_analytics')
        AND con.confrelid = to_regclass(referred.name)
        AND a.attname = referred.key
        AND NOT EXISTS (
            SELECT FROM pg_trigger AS t
            WHERE t.tgconstraint = con.oid AND t.tgenabled IN ('D', 'R')
        )
)
ORDER BY referred.name
