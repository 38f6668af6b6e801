-- What of the source does not depend on the snapshot alone, in words: foreign tables, and views that call
-- what differs from one transaction or statement to the next, such as now(), by an operator or an aggregate
-- too. Also of what is under a view or a partitioned table. Casts are told apart, since they depend on
-- settings only. And what takes rows away from a snapshot.
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
    FROM unnest(ARRAY['jobs', 'job_applications', 'link_tracking', 'link_clicks']) AS name
    UNION
    SELECT under.part FROM read JOIN under ON under.relation = read.relation
),

-- the server's own functions stand in the view only; its own operators and aggregates depend on settings only
called AS (
    SELECT r.ev_class AS relation, 'pg_proc'::regclass::oid AS class, found.ids[1]::oid AS id
    FROM read
    JOIN pg_rewrite AS r ON r.ev_class = read.relation
    CROSS JOIN regexp_matches(r.ev_action::text, ':funcid ([0-9]+)', 'g') AS found (ids)
    UNION
    SELECT r.ev_class, 'pg_rewrite'::regclass, r.oid
    FROM read
    JOIN pg_rewrite AS r ON r.ev_class = read.relation
    UNION
    SELECT called.relation, d.refclassid, d.refobjid
    FROM called
    JOIN pg_depend AS d ON d.classid = called.class AND d.objid = called.id
    WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
)

SELECT
    c.relname || ' is a foreign table' AS reason,
    true AS is_foreign
FROM read
JOIN pg_class AS c ON c.oid = read.relation
WHERE c.relkind = 'f'
UNION ALL
SELECT
    c.relname || ' is a view that calls ' || coalesce(min(p.proname), 'the time'),
    false
FROM read
JOIN pg_class AS c ON c.oid = read.relation AND c.relkind = 'v'
JOIN pg_rewrite AS r ON r.ev_class = c.oid
LEFT JOIN called ON called.relation = c.oid AND called.class = 'pg_proc'::regclass
LEFT JOIN pg_proc AS p
    ON p.oid = called.id
    AND p.provolatile <> 'i'
    AND NOT EXISTS (SELECT FROM pg_cast AS k WHERE k.castfunc = p.oid)
WHERE p.oid IS NOT NULL OR r.ev_action::text ~ '[:{]SQLVALUEFUNCTION '
GROUP BY c.oid, c.relname
UNION ALL
-- a transaction that adopts a snapshot is not told when it is too old
SELECT
    'old_snapshot_threshold is ' || current_setting('old_snapshot_threshold', true),
    false
WHERE current_setting('old_snapshot_threshold', true) <> '-1'
ORDER BY reason
