-- The foreign tables of another PostgreSQL among the tables of the source, their partitions and their
-- children, by the names that a statement reads them by; not those under a view, nor those that this role
-- may not read.
WITH RECURSIVE parts AS (
    SELECT to_regclass(name)::oid AS part
    FROM unnest(ARRAY['jobs', 'job_applications', 'link_tracking', 'link_clicks']) AS name
    UNION
    SELECT i.inhrelid
    FROM parts AS p
    JOIN pg_inherits AS i ON i.inhparent = p.part
)

SELECT f.ftrelid::regclass::text AS name
FROM parts AS p
JOIN pg_foreign_table AS f ON f.ftrelid = p.part
JOIN pg_foreign_server AS s ON s.oid = f.ftserver
JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
WHERE w.fdwname = 'postgres_fdw' AND has_any_column_privilege(f.ftrelid, 'SELECT')
ORDER BY name
