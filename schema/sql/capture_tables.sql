-- What change capture would need of the tables of the source.
--   kind        as pg_class.relkind
--   below       what a view reads
--   virtual     the columns that the functions of capture read and triggers find null in
--   parents     the tables that it is a partition or a child of
--   far         its partitions and children that are foreign tables
--   fed         subscriptions of logical replication that fill it, its partitions or children
--   hands_on    triggers and rules by which a table with children or partitions may put into them what is
--               inserted
--   unlogged    which of it, its partitions and children are
--   is_owned    whether this role may make triggers and take them away
--   is_tied     of jobs: a foreign key from job_id to id keeps applications and jobs together, and
--               tells the applications of what it does; not one without an action that can be deferred, by
--               which a job may go and come back in one transaction, while our own key forgets it; nor
--               where a trigger or a rule of the applications may keep it from acting, as one for soft
--               deletes does, or its own triggers are disabled
WITH RECURSIVE parts AS (
    SELECT
        oid AS whole,
        oid AS part
    FROM pg_class
    WHERE
        oid IN (
            to_regclass('link_clicks'), to_regclass('link_tracking'), to_regclass('job_applications'),
            to_regclass('jobs')
        )
    UNION
    SELECT p.whole, i.inhrelid
    FROM parts AS p
    JOIN pg_inherits AS i ON i.inhparent = p.part
),

-- a foreign key has keys of its own for partitions
keys AS (
    SELECT
        oid AS whole,
        oid AS part
    FROM pg_constraint
    WHERE contype = 'f' AND confrelid = to_regclass('jobs') AND conrelid = to_regclass('job_applications')
    UNION
    SELECT k.whole, part.oid
    FROM keys AS k
    JOIN pg_constraint AS part ON part.conparentid = k.part
)

SELECT
    c.relname AS name,
    c.relkind AS kind,
    (
        SELECT string_agg(DISTINCT d.refobjid::regclass::text, ', ')
        FROM pg_rewrite AS r
        JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        WHERE
            r.ev_class = c.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
    ) AS below,
    ARRAY(
        SELECT c.relname || '.' || a.attname
        FROM pg_attribute AS a
        WHERE
            a.attrelid = c.oid
            AND a.attgenerated = 'v'
            AND (c.relname, a.attname) IN (
                ('link_clicks', 'tracking_id'),
                ('link_tracking', 'tracking_id'),
                ('link_tracking', 'application_id'),
                ('link_tracking', 'link_function'),
                ('job_applications', 'id'),
                ('job_applications', 'job_id'),
                ('job_applications', 'created_at'),
                ('jobs', 'id')
            )
        ORDER BY a.attnum
    ) AS virtual,
    (
        SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
        FROM pg_inherits AS i
        WHERE i.inhrelid = c.oid
    ) AS parents,
    (
        SELECT string_agg(f.oid::regclass::text, ', ' ORDER BY f.oid::regclass::text)
        FROM parts AS p
        JOIN pg_class AS f ON f.oid = p.part
        WHERE p.whole = c.oid AND p.part <> c.oid AND f.relkind = 'f'
    ) AS far,
    (
        SELECT string_agg(u.oid::regclass::text, ', ' ORDER BY u.oid::regclass::text)
        FROM parts AS p
        JOIN pg_class AS u ON u.oid = p.part
        WHERE p.whole = c.oid AND u.relkind = 'r' AND u.relpersistence = 'u'
    ) AS unlogged,
    (
        SELECT string_agg(DISTINCT s.subname, ', ')
        FROM parts AS p
        JOIN pg_subscription_rel AS r ON r.srrelid = p.part
        JOIN pg_subscription AS s ON s.oid = r.srsubid
        WHERE p.whole = c.oid
    ) AS fed,
    (
        SELECT string_agg(found.name, ', ' ORDER BY found.name)
        FROM (
            SELECT t.tgname AS name
            FROM pg_trigger AS t
            WHERE
                c.relkind = 'r' -- of a partitioned table it belongs to the partitions
                AND t.tgrelid = c.oid
                AND NOT t.tgisinternal
                AND t.tgenabled IN ('O', 'A')
                AND t.tgtype & 7 = 7 -- for each row, before, insert
            UNION ALL
            SELECT r.rulename
            FROM pg_rewrite AS r
            WHERE r.ev_class = c.oid AND r.ev_type = '3' AND r.is_instead AND r.ev_enabled IN ('O', 'A')
        ) AS found
        WHERE EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = c.oid)
    ) AS hands_on,
    pg_get_userbyid(c.relowner) AS owner,
    pg_has_role(c.relowner, 'USAGE') AS is_owned,
    EXISTS (
        SELECT FROM pg_constraint AS k
        JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum]
        JOIN pg_attribute AS b ON b.attrelid = k.confrelid AND k.confkey = ARRAY[b.attnum]
        WHERE
            k.contype = 'f'
            AND k.convalidated -- which a key that is not enforced never is
            AND (k.confdeltype <> 'a' OR NOT k.condeferrable)
            AND k.confrelid = c.oid
            AND k.conrelid = to_regclass('job_applications')
            AND a.attname = 'job_id'
            AND b.attname = 'id'
            AND NOT EXISTS ( -- children inherit no key
                SELECT FROM pg_inherits AS i
                JOIN pg_class AS p ON p.oid = i.inhparent
                WHERE p.oid = k.conrelid AND p.relkind = 'r'
            )
            AND (
                -- these change no application
                (k.confdeltype IN ('a', 'r') AND k.confupdtype IN ('a', 'r'))
                OR NOT EXISTS (
                    SELECT FROM parts AS p
                    LEFT JOIN pg_trigger AS t
                        ON
                            t.tgrelid = p.part
                            AND NOT t.tgisinternal
                            AND t.tgenabled IN ('O', 'A')
                            AND t.tgtype & 3 = 3 -- for each row, before
                            AND t.tgtype & 24 > 0 -- delete or update
                    LEFT JOIN pg_rewrite AS r
                        ON
                            r.ev_class = p.part
                            AND r.ev_type IN ('2', '4') -- update, delete
                            AND r.is_instead
                            AND r.ev_enabled IN ('O', 'A')
                    WHERE p.whole = k.conrelid AND (t.oid IS NOT NULL OR r.oid IS NOT NULL)
                )
            )
            AND NOT EXISTS (
                SELECT FROM keys
                JOIN pg_trigger AS t ON t.tgconstraint = keys.part
                WHERE keys.whole = k.oid AND t.tgenabled IN ('D', 'R')
            )
    ) AS is_tied
FROM pg_class AS c
WHERE c.oid IN (SELECT whole FROM parts)
ORDER BY name
