-- The indexes that are faster built after a first load than kept up during it: those of an empty
-- table that this role owns, made as they are described here and by nothing else.
SELECT 'DROP INDEX ' || i.indexrelid::regclass, pg_get_indexdef(i.indexrelid)
FROM pg_class AS t
JOIN pg_index AS i ON i.indrelid = t.oid
JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE
    t.oid = 'link_click_analytics'::regclass
    AND pg_has_role(t.relowner, 'USAGE')
    AND has_schema_privilege(t.relnamespace, 'CREATE')
    AND NOT EXISTS (SELECT FROM link_click_analytics)
    AND i.indisvalid
    AND NOT i.indisunique
    AND NOT i.indisclustered
    AND c.reltablespace = 0
    AND obj_description(c.oid, 'pg_class') IS NULL
