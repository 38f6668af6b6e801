-- What stands for the triggers of change capture, those of a foreign key from applications to jobs, and the
-- tables that a round relies on, as they are: another text says that a trigger was disabled, even if it is enabled
-- again, or made anew, and that changes went unnoticed meanwhile; or that the changes that waited, or what is
-- stored, may have been truncated, or restored from before.
SELECT
    md5(
        string_agg(concat_ws(' ', t.oid, t.xmin, t.tgrelid), ',' ORDER BY t.oid)
        || (
            SELECT string_agg(concat_ws(' ', c.oid, c.relfilenode), ',' ORDER BY c.oid)
            FROM pg_class AS c
            WHERE
                c.oid IN (
                    to_regclass('clickstats_changes'), to_regclass('link_click_analytics'),
                    to_regclass('link_click_readings')
                )
        )
    )
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
