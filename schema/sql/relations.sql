-- What a run reads, down to the files: each table, and of a view, a partitioned table or one that has
-- children whatever is under it. A row that differs later says that a table was rewritten, truncated,
-- dropped or made anew, that a column, a schema, a view, a function that it calls or a label of an enum is
-- another, or a partition was attached or detached.
--   beside   tables that are read, too
WITH RECURSIVE under AS (
    SELECT inhparent AS relation, inhrelid AS part FROM pg_inherits
    UNION ALL
    SELECT r.ev_class, d.refobjid
    FROM pg_rewrite AS r
    JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    WHERE
        r.ev_type = '1' -- what a view selects
        AND d.refclassid = 'pg_class'::regclass
        AND d.refobjid <> r.ev_class
),

read AS (
    SELECT to_regclass(name)::oid AS relation
    FROM unnest(
        ARRAY[
            'jobs', 'job_applications', 'link_tracking', 'link_clicks', 'link_click_analytics',
            'link_click_readings'
        ] || :'beside'::text[]
    ) AS name
    UNION
    SELECT under.part FROM read JOIN under ON under.relation = read.relation
),

-- types of columns, also below domains, and what a view calls, by operators and aggregates too
used AS (
    SELECT relation, 'pg_class'::regclass::oid AS class, relation AS id FROM read
    UNION
    SELECT r.ev_class, 'pg_rewrite'::regclass, r.oid
    FROM read
    JOIN pg_rewrite AS r ON r.ev_class = read.relation
    UNION
    SELECT used.relation, d.refclassid, d.refobjid
    FROM used
    JOIN pg_depend AS d ON d.classid = used.class AND d.objid = used.id
    WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
),

-- the functions among them that somebody has made
called AS (
    SELECT p.provolatile, l.lanname
    FROM used
    JOIN pg_proc AS p ON used.class = 'pg_proc'::regclass AND p.oid = used.id
    JOIN pg_language AS l ON l.oid = p.prolang
    WHERE p.oid >= 16384
),

-- one that is not immutable may read any table
beyond AS (
    SELECT c.oid
    FROM pg_class AS c
    WHERE
        c.relkind IN ('r', 'm')
        AND c.relpersistence <> 't'
        AND c.oid >= 16384
        AND c.oid NOT IN (SELECT relation FROM read WHERE relation IS NOT NULL)
        AND EXISTS (SELECT FROM called WHERE provolatile <> 'i')
)

SELECT
    c.oid,
    c.relname,
    c.relfilenode,
    (
        SELECT md5(string_agg(concat_ws(' ', t.attnum, t.attname, t.atttypid), ',' ORDER BY t.attnum))
        FROM pg_attribute AS t
        WHERE t.attrelid = c.oid AND t.attnum > 0
    ) AS columns,
    -- what was changed, and changed back: not of the target, which a first load changes itself
    CASE
        WHEN c.oid IS DISTINCT FROM to_regclass('link_click_analytics') THEN concat_ws(
            ' ',
            c.xmin,
            (SELECT n.xmin FROM pg_namespace AS n WHERE n.oid = c.relnamespace),
            (SELECT md5(string_agg(t.xmin::text, ',' ORDER BY t.attnum)) FROM pg_attribute AS t
            WHERE t.attrelid = c.oid AND t.attnum > 0),
            (SELECT md5(string_agg(r.xmin || r.ev_action::text, ',' ORDER BY r.oid))
            FROM pg_rewrite AS r WHERE r.ev_class = c.oid),
            (SELECT md5(string_agg(i.xmin::text, ',' ORDER BY i.inhrelid)) FROM pg_inherits AS i
            WHERE i.inhparent = c.oid),
            (SELECT md5(string_agg(p.oid || ' ' || p.xmin, ',' ORDER BY p.oid)) FROM used
            JOIN pg_proc AS p ON used.class = 'pg_proc'::regclass AND p.oid = used.id
            WHERE used.relation = c.oid),
            -- to every snapshot an enum has the labels of now
            (SELECT md5(string_agg(e.oid || ' ' || e.xmin, ',' ORDER BY e.oid)) FROM used
            JOIN pg_enum AS e ON used.class = 'pg_type'::regclass AND e.enumtypid = used.id
            WHERE used.relation = c.oid)
        )
    END AS versions
FROM read
JOIN pg_class AS c ON c.oid = read.relation
UNION ALL
SELECT
    c.oid,
    c.relname,
    c.relfilenode,
    NULL,
    NULL
FROM beyond
JOIN pg_class AS c ON c.oid = beyond.oid
UNION ALL
-- what they call in turn the catalog does not say: each function that somebody has made may be it
SELECT
    0::oid,
    'what views call',
    0::oid,
    NULL,
    md5(string_agg(p.oid || ' ' || p.xmin, ',' ORDER BY p.oid))
FROM pg_proc AS p
WHERE
    p.oid >= 16384
    AND EXISTS (SELECT FROM called WHERE lanname NOT IN ('c', 'internal'))
HAVING count(*) > 0
