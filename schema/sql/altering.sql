-- What may store other values in link_click_analytics or link_click_readings than a run writes, in words,
-- and of a trigger that waits for the commit its name for SET CONSTRAINTS: triggers, rules and column types, children and
-- a missing unique index, with which several rows may stand for one. Of a partitioned table, or one that
-- has children, those of its parts.
WITH RECURSIVE target AS (
    SELECT to_regclass(name)::oid AS oid
    FROM unnest(ARRAY['link_click_analytics', 'link_click_readings']) AS name
    UNION
    SELECT i.inhrelid FROM target JOIN pg_inherits AS i ON i.inhparent = target.oid
)

SELECT
    'trigger ' || quote_ident(t.tgname) AS name,
    CASE
        WHEN t.tgdeferrable THEN
            (SELECT quote_ident(n.nspname) FROM pg_namespace AS n WHERE n.oid = c.relnamespace)
            || '.' || quote_ident(t.tgname)
    END AS deferrable
FROM target
JOIN pg_class AS c ON c.oid = target.oid
JOIN pg_trigger AS t ON t.tgrelid = target.oid
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
UNION
SELECT 'rule ' || quote_ident(r.rulename), NULL
FROM target
JOIN pg_rewrite AS r ON r.ev_class = target.oid
WHERE r.ev_enabled <> 'D'
UNION
SELECT 'column ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod), NULL
FROM target
JOIN pg_attribute AS a ON a.attrelid = target.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN (
    VALUES
    ('application_id', 'uuid'),
    ('job_id', 'uuid'),
    ('time_to_first_click', 'interval'),
    ('hours_to_first_click', 'numeric(10,2)'),
    ('time_between_first_last_click', 'interval'),
    ('hours_between_first_last_click', 'numeric(10,2)'),
    ('click_sequence', 'text[]'),
    ('unique_functions_clicked', 'integer'),
    ('total_click_events', 'integer'),
    ('peak_click_hour', 'integer'),
    ('click_days_of_week', 'integer[]'),
    ('engagement_velocity', 'numeric(10,4)'),
    ('engagement_score', 'integer'),
    ('intent_score', 'integer'),
    ('calculated_at', 'timestamp without time zone')
) AS expected (name, type) ON expected.name = a.attname
WHERE format_type(a.atttypid, a.atttypmod) <> expected.type
UNION
SELECT 'child ' || c.relname, NULL
FROM target
JOIN pg_inherits AS i ON i.inhparent = target.oid
JOIN pg_class AS c ON c.oid = i.inhrelid
UNION
SELECT 'no unique index on application_id', NULL
WHERE NOT EXISTS (
    SELECT FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE
        i.indrelid = to_regclass('link_click_analytics')
        AND a.attname = 'application_id'
        AND i.indnkeyatts = 1
        AND i.indisunique
        AND i.indisvalid
        AND i.indpred IS NULL
)
ORDER BY name
