-- The triggers of change capture, those of a foreign key from applications to jobs, and the file in which
-- changes wait, as they are: another text says that a trigger was disabled, even if it is enabled again, or
-- made anew, and that changes went unnoticed meanwhile, or that those that waited may be gone.
SELECT
    string_agg(concat_ws(' ', t.oid, t.xmin, t.tgrelid), ',' ORDER BY t.oid)
    || (SELECT c.relfilenode FROM pg_class AS c WHERE c.oid = to_regclass('clickstats_changes'))
FROM pg_trigger AS t
JOIN pg_proc AS p ON p.oid = t.tgfoid
WHERE
    t.tgrelid IN (
        to_regclass('link_clicks'), to_regclass('link_tracking'), to_regclass('job_applications'),
        to_regclass('jobs')
    )
    AND (
        p.proname LIKE 'clickstats\_capture\_%'
        OR t.tgconstraint IN (
            SELECT k.oid FROM pg_constraint AS k
            WHERE k.conrelid = to_regclass('job_applications') AND k.confrelid = to_regclass('jobs')
        )
    )
