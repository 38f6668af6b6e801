-- Functions and operators of the tables' schema that a statement of ours would take for built-in ones:
-- of a name that our statements use, over built-in types or domains, and with no built-in one of the
-- same signature, which would win. Those of extensions do not count: a superuser trusts them.
-- Runs with nothing but pg_catalog on the search path.
--   schema                 the schema of the tables
--   functions, operators   the names that our statements use
WITH plain AS (
    SELECT oid FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace OR typtype = 'd'
),

ours AS (
    SELECT oid FROM pg_namespace WHERE nspname = :'schema'
)

SELECT 'function ' || p.oid::regprocedure
FROM pg_proc AS p
JOIN ours ON ours.oid = p.pronamespace
WHERE
    p.proname = ANY (:'functions'::text[])
    AND NOT EXISTS (
        SELECT FROM unnest(p.proargtypes::oid[]) AS argument WHERE argument NOT IN (SELECT oid FROM plain)
    )
    AND NOT EXISTS (
        SELECT FROM pg_proc AS b
        WHERE
            b.pronamespace = 'pg_catalog'::regnamespace
            AND b.proname = p.proname
            AND b.proargtypes = p.proargtypes
    )
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    )
UNION ALL
SELECT 'operator ' || o.oid::regoperator
FROM pg_operator AS o
JOIN ours ON ours.oid = o.oprnamespace
WHERE
    o.oprname = ANY (:'operators'::text[])
    AND (o.oprleft = 0 OR o.oprleft IN (SELECT oid FROM plain))
    AND (o.oprright = 0 OR o.oprright IN (SELECT oid FROM plain))
    AND NOT EXISTS (
        SELECT FROM pg_operator AS b
        WHERE
            b.oprnamespace = 'pg_catalog'::regnamespace
            AND b.oprname = o.oprname
            AND b.oprleft = o.oprleft
            AND b.oprright = o.oprright
    )
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e'
    )
ORDER BY 1
