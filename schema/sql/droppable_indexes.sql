-- The indexes that are faster built after a first load than kept up during it, each as two statements: to
-- drop it and to make it anew. Only those of an empty table that this role owns, made as they are described
-- here and used by nothing else. Of a partitioned table the descriptions leave out the parts, of a
-- constraint its storage parameters.
--   straight   whether rows are copied into both tables; else those of link_click_readings stay, and the
--              unique index on application_id, which an insert that may meet other rows needs
WITH target AS (
    SELECT oid FROM pg_class
    WHERE
        CASE oid
            WHEN 'link_click_analytics'::regclass THEN NOT EXISTS (SELECT FROM link_click_analytics)
            WHEN 'link_click_readings'::regclass
                THEN :'straight'::boolean AND NOT EXISTS (SELECT FROM link_click_readings)
        END
        AND relkind = 'r'
        AND pg_has_role(relowner, 'USAGE')
        AND has_schema_privilege(relnamespace, 'CREATE')
)

SELECT
    CASE
        WHEN k.oid IS NULL THEN 'DROP INDEX ' || i.indexrelid::regclass
        ELSE 'ALTER TABLE ' || i.indrelid::regclass || ' DROP CONSTRAINT ' || quote_ident(k.conname)
    END,
    CASE
        WHEN k.oid IS NULL THEN pg_get_indexdef(i.indexrelid)
        ELSE
            'ALTER TABLE ' || i.indrelid::regclass || ' ADD CONSTRAINT ' || quote_ident(k.conname)
            || ' ' || pg_get_constraintdef(k.oid)
    END
FROM target AS t
JOIN pg_index AS i ON i.indrelid = t.oid
JOIN pg_class AS c ON c.oid = i.indexrelid
LEFT JOIN pg_constraint AS k ON k.conindid = i.indexrelid AND k.conrelid = t.oid
WHERE
    i.indisvalid
    AND (i.indisprimary OR NOT i.indisunique OR :'straight'::boolean)
    AND NOT i.indisclustered
    AND NOT i.indisreplident
    AND c.reltablespace = 0
    AND (k.oid IS NULL OR c.reloptions IS NULL)
    AND NOT EXISTS (SELECT FROM pg_constraint AS f WHERE f.confrelid = t.oid)
    AND obj_description(c.oid, 'pg_class') IS NULL
    AND obj_description(k.oid, 'pg_constraint') IS NULL
