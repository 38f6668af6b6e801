-- The triggers of change capture that are there.
--   is_on     fires in ordinary sessions
--   function  what it calls; its name has the schema where that is not ours
--   body      what that does
--   is_here   looks tables up where we do: a schema that was renamed since is another one
SELECT
    c.relname AS name,
    t.tgname AS trigger,
    t.tgenabled IN ('O', 'A') AS is_on,
    p.oid::regprocedure::text AS function,
    p.prosrc AS body,
    p.proconfig IS NOT DISTINCT FROM ARRAY['search_path=' || current_setting('search_path')] AS is_here
FROM pg_trigger AS t
JOIN pg_class AS c ON c.oid = t.tgrelid
JOIN pg_proc AS p ON p.oid = t.tgfoid
WHERE
    c.oid IN (
        to_regclass('link_clicks'), to_regclass('link_tracking'), to_regclass('job_applications'),
        to_regclass('jobs')
    )
    AND p.proname LIKE 'clickstats\_capture\_%'
ORDER BY name, trigger
