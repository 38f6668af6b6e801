-- Opens the row of a run, after marking the runs that died and dropping those too old to keep.
-- The changes of scores are kept as long.
-- Every connection of a run is named after it, so a run without a session is dead. It is at work in some
-- transaction at every moment: where all of its sessions rest, a pooler has kept them from a dead run.
-- The last published `run --all` is kept, however old: the next one is held against it.
WITH died AS (
    UPDATE clickstats_runs AS r
    SET outcome = 'died'
    WHERE
        outcome = 'running'
        AND NOT EXISTS (
            SELECT FROM pg_stat_activity AS a
            WHERE
                a.application_name = 'clickstats/' || r.id::text
                AND (a.state = 'idle' AND a.state_change < clock_timestamp() - interval '5 seconds')
                IS NOT TRUE
        )
),

dropped AS (
    DELETE FROM clickstats_runs
    WHERE
        started_at < clock_timestamp()::timestamp - make_interval(days => :'keep_days'::integer)
        AND number IS DISTINCT FROM (
            SELECT max(number) FROM clickstats_runs
            WHERE command = 'run --all' AND outcome = 'published'
        )
),

forgotten AS (
    DELETE FROM link_click_score_changes
    WHERE changed_at < clock_timestamp()::timestamp - make_interval(days => :'keep_days'::integer)
)

INSERT INTO clickstats_runs (
    id, started_at, command, options, version, rules, timezone, host, pid
)
VALUES (
    :'id'::uuid, clock_timestamp()::timestamp, :'command', :'options'::jsonb, :'version', :'rules',
    :'timezone', :'host', :'pid'::integer
)
