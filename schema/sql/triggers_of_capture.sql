-- The triggers of change capture, those of a foreign key from applications to jobs, also of their partitions, and
-- the files in which changes wait and the ledger is, as they are: another text says that a trigger was disabled, even
-- if it is enabled again, or made anew, and that changes went unnoticed meanwhile, that those that waited may be gone,
-- or that the ledger may be an earlier one, which knows nothing of the definition of the stored rows.
WITH RECURSIVE keys AS (
    SELECT k.oid
    FROM pg_constraint AS k
    WHERE k.conrelid = to_regclass('job_applications') AND k.confrelid = to_regclass('jobs')
    UNION
    SELECT k.oid
    FROM keys
    JOIN pg_constraint AS k ON k.conparentid = keys.oid
)

SELECT
    string_agg(concat_ws(' ', t.oid, t.xmin, t.tgrelid), ',' ORDER BY t.oid)
    || (SELECT c.relfilenode FROM pg_class AS c WHERE c.oid = to_regclass('clickstats_changes'))
    || ' ' || (SELECT c.relfilenode FROM pg_class AS c WHERE c.oid = to_regclass('clickstats_runs'))
FROM pg_trigger AS t
JOIN pg_proc AS p ON p.oid = t.tgfoid
WHERE
    t.tgconstraint IN (SELECT keys.oid FROM keys)
    OR (
        t.tgrelid IN (
            to_regclass('link_clicks'), to_regclass('link_tracking'), to_regclass('job_applications'),
            to_regclass('jobs')
        )
        AND p.proname LIKE 'clickstats\_capture\_%'
    )
