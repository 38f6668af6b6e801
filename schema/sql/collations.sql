-- The collations of the two columns of tracking ids, where each has one of its own and they differ: the
-- server compares such columns only when it is told by which.
WITH collated AS (
    SELECT k.oid, quote_ident(k.collname) AS name
    FROM pg_attribute AS a
    JOIN pg_collation AS k ON k.oid = a.attcollation
    WHERE
        a.attrelid IN (to_regclass('link_tracking'), to_regclass('link_clicks'))
        AND a.attname = 'tracking_id'
        AND NOT a.attisdropped
        AND k.collname <> 'default'
)

SELECT string_agg(name, ' and ' ORDER BY name) AS names
FROM collated
HAVING count(DISTINCT oid) > 1
