-- The columns of the source whose type, or whose presence, decides how they are read, and those of our
-- tables that hold whole numbers.
--   base      their type; of a domain the type below it
--   is_text   whether that is a string or an enum: the text of another has signs of its own, such as quotes
--   is_read   whether this role may read them
SELECT
    c.relname AS table_name,
    a.attname AS name,
    base.name AS base,
    base.is_text,
    has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS is_read
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND NOT a.attisdropped
CROSS JOIN LATERAL (
    WITH RECURSIVE base AS (
        SELECT a.atttypid AS oid
        UNION ALL
        SELECT t.typbasetype
        FROM base AS b
        JOIN pg_type AS t ON t.oid = b.oid AND t.typtype = 'd'
    )

    SELECT
        format_type(b.oid, NULL) AS name,
        t.typtype = 'e' OR t.typcategory = 'S' AS is_text
    FROM base AS b
    JOIN pg_type AS t ON t.oid = b.oid AND t.typtype <> 'd'
) AS base
WHERE
    (c.oid = to_regclass('link_clicks') AND a.attname IN ('clicked_at', 'user_agent', 'ip_address'))
    OR (
        c.oid = to_regclass('job_applications')
        AND a.attname IN ('created_at', 'application_status', 'first_response_received_at')
    )
    OR (
        c.oid IN (to_regclass('link_click_analytics'), to_regclass('link_click_readings'))
        AND a.attname = ANY (:'integers'::text[])
    )
