-- The columns of texts whose type has not the text's own meaning:
-- - tracking_id of a type with another equality than the hash of its text, by which clicks find their
--   links (clicks.sql): whatever is neither text nor varchar, or a domain over them, and collations for
--   which different texts are equal;
-- - link_function of a type whose text is not what it holds, such as jsonb, which puts it in quotes:
--   whatever is neither a string nor an enum.
WITH RECURSIVE resolved AS (
    SELECT
        a.attrelid,
        a.attname,
        a.atttypid AS type,
        a.attcollation AS collated,
        format_type(a.atttypid, a.atttypmod) AS shown
    FROM pg_attribute AS a
    WHERE
        (
            a.attrelid IN (to_regclass('link_tracking'), to_regclass('link_clicks'))
            AND a.attname = 'tracking_id'
            OR a.attrelid = to_regclass('link_tracking') AND a.attname = 'link_function'
        )
        AND NOT a.attisdropped
    UNION ALL
    SELECT r.attrelid, r.attname, t.typbasetype, r.collated, r.shown
    FROM resolved AS r
    JOIN pg_type AS t ON t.oid = r.type AND t.typtype = 'd'
)

SELECT
    c.relname || '.' || r.attname AS name,
    r.attname AS column,
    r.shown || CASE
        WHEN r.attname = 'tracking_id' AND k.collisdeterministic IS FALSE THEN
            ' with the nondeterministic collation ' || quote_ident(k.collname)
        ELSE ''
    END AS type
FROM resolved AS r
JOIN pg_class AS c ON c.oid = r.attrelid
JOIN pg_type AS t ON t.oid = r.type AND t.typtype <> 'd'
LEFT JOIN pg_collation AS k ON k.oid = r.collated
WHERE
    CASE
        WHEN r.attname = 'link_function' THEN t.typtype <> 'e' AND t.typcategory <> 'S'
        ELSE r.type NOT IN ('text'::regtype, 'varchar'::regtype) OR k.collisdeterministic IS FALSE
    END
ORDER BY name
