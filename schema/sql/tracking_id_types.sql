-- The columns tracking_id whose type has another equality than the hash of its text, by which clicks
-- find their links (clicks.sql): whatever is neither text nor varchar, or a domain over them, and
-- collations for which different texts are equal.
WITH RECURSIVE resolved AS (
    SELECT
        a.attrelid,
        a.atttypid AS type,
        a.attcollation AS collated,
        format_type(a.atttypid, a.atttypmod) AS shown
    FROM pg_attribute AS a
    WHERE
        a.attrelid IN (to_regclass('link_tracking'), to_regclass('link_clicks'))
        AND a.attname = 'tracking_id'
        AND NOT a.attisdropped
    UNION ALL
    SELECT r.attrelid, t.typbasetype, r.collated, r.shown
    FROM resolved AS r
    JOIN pg_type AS t ON t.oid = r.type AND t.typtype = 'd'
)

SELECT
    c.relname || '.tracking_id' AS name,
    r.shown || CASE
        WHEN k.collisdeterministic IS FALSE THEN
            ' with the nondeterministic collation ' || quote_ident(k.collname)
        ELSE ''
    END AS type
FROM resolved AS r
JOIN pg_class AS c ON c.oid = r.attrelid
JOIN pg_type AS t ON t.oid = r.type AND t.typtype <> 'd'
LEFT JOIN pg_collation AS k ON k.oid = r.collated
WHERE
    r.type NOT IN ('text'::regtype, 'varchar'::regtype)
    OR k.collisdeterministic IS FALSE
ORDER BY name
