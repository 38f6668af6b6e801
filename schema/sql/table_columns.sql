-- The columns of a table or view on the search path, in order.
--   type   as PostgreSQL writes it
--   base   the same without a length, of a domain the type below
SELECT
    a.attname AS name,
    format_type(a.atttypid, a.atttypmod) AS type,
    (
        WITH RECURSIVE base AS (
            SELECT a.atttypid AS oid
            UNION ALL
            SELECT t.typbasetype
            FROM base AS b
            JOIN pg_type AS t ON t.oid = b.oid AND t.typtype = 'd'
        )

        SELECT format_type(b.oid, NULL)
        FROM base AS b
        JOIN pg_type AS t ON t.oid = b.oid AND t.typtype <> 'd'
    ) AS base,
    a.attnotnull AS is_not_null,
    a.attgenerated <> '' AS is_generated,
    pg_get_expr(d.adbin, d.adrelid) AS default_value
FROM pg_attribute AS a
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(:'name') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
