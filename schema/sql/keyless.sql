-- Which of the tables that link_click_analytics refers to no foreign key of ours guards, and why: a
-- foreign key needs a permanent table with a unique key on exactly this column, and may be declared
-- without being enforced (PostgreSQL 18).
WITH idle AS (
    SELECT con.confrelid AS referred
    FROM pg_constraint AS con
    WHERE
        con.contype = 'f'
        AND con.conrelid IN (
            to_regclass('link_click_analytics'),
            to_regclass('link_click_readings'),
            to_regclass('link_click_score_changes')
        )
        AND to_jsonb(con) ->> 'conenforced' = 'false'
)

SELECT
    c.relname AS name,
    CASE
        WHEN c.relkind = 'v' THEN 'is a view'
        WHEN c.relkind = 'm' THEN 'is a materialized view'
        WHEN c.relkind = 'f' THEN 'is a foreign table'
        WHEN c.relpersistence <> 'p' THEN 'is an unlogged table'
        WHEN c.oid IN (SELECT referred FROM idle) THEN 'is referred to by a key that is not enforced'
        ELSE 'has no unique key on exactly id'
    END AS reason
FROM pg_class AS c
WHERE
    c.oid IN (to_regclass('job_applications'), to_regclass('jobs'))
    AND (
        c.relkind NOT IN ('r', 'p')
        OR c.relpersistence <> 'p'
        OR c.oid IN (SELECT referred FROM idle)
        OR NOT EXISTS (
            SELECT FROM pg_index AS i
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
            WHERE
                i.indrelid = c.oid
                AND a.attname = 'id'
                AND i.indnkeyatts = 1
                AND i.indisunique
                AND i.indisvalid
                AND i.indimmediate
                AND i.indpred IS NULL
        )
    )
ORDER BY name
