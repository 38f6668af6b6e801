-- What this transaction has written to link_click_analytics and link_click_readings, whatever wrote it, as
-- a text that differs when more is written: rows, and files, since TRUNCATE and ALTER TABLE make new ones.
-- Of one that has children, those of its parts.
WITH RECURSIVE target AS (
    SELECT to_regclass(name)::oid AS oid
    FROM unnest(ARRAY['link_click_analytics', 'link_click_readings']) AS name
    UNION
    SELECT i.inhrelid FROM target JOIN pg_inherits AS i ON i.inhparent = target.oid
)

SELECT
    coalesce(
        string_agg(
            concat_ws(
                ' ',
                c.relfilenode,
                pg_stat_get_xact_tuples_inserted(c.oid),
                pg_stat_get_xact_tuples_updated(c.oid),
                pg_stat_get_xact_tuples_deleted(c.oid)
            ),
            ',' ORDER BY c.oid
        ),
        ''
    )
FROM target
JOIN pg_class AS c ON c.oid = target.oid
