-- Adds a round of `run --changed` to the ledger's row of this hour, or opens that row. A row has one
-- definition. Two first rounds at once open two rows, which does no harm.
--   options of the row count its rounds and name the last one
WITH of_this_hour AS (
    UPDATE clickstats_runs AS run
    SET
        number = DEFAULT,
        finished_at = clock_timestamp()::timestamp,
        options = jsonb_build_object(
            'rounds', (options ->> 'rounds')::bigint + 1, 'last', :'id'::uuid
        ),
        snapshot_at = :'snapshot_at'::timestamp,
        applications = applications + :'applications'::bigint,
        inserted = inserted + :'inserted'::bigint,
        updated = updated + :'updated'::bigint,
        unchanged = unchanged + :'unchanged'::bigint,
        pending = :'pending'::bigint,
        frozen = frozen + :'frozen'::bigint,
        clicks_read = clicks_read + :'clicks_read'::bigint,
        clicks_unusable = clicks_unusable + :'clicks_unusable'::bigint,
        clicks_unattributed = clicks_unattributed + :'clicks_unattributed'::bigint,
        clicks_by_class = (
            SELECT jsonb_object_agg(key, value::bigint + coalesce((clicks_by_class ->> key)::bigint, 0))
            FROM jsonb_each_text(:'clicks_by_class'::jsonb)
        ),
        readings_written = readings_written + :'readings_written'::bigint,
        readings_deleted = readings_deleted + :'readings_deleted'::bigint,
        seconds = (
            SELECT jsonb_object_agg(key, value::numeric + coalesce((seconds ->> key)::numeric, 0))
            FROM jsonb_each_text(:'seconds'::jsonb)
        ),
        peak_memory_bytes = greatest(peak_memory_bytes, :'peak_memory_bytes'::bigint)
    WHERE id = (
        SELECT id FROM clickstats_runs
        WHERE
            command = :'command'
            AND outcome = 'published'
            AND started_at >= date_trunc('hour', clock_timestamp()::timestamp)
            AND fingerprint = :'fingerprint'
        ORDER BY number DESC
        LIMIT 1
    )
    RETURNING id
)

INSERT INTO clickstats_runs (
    id, started_at, finished_at, command, options, version, rules, timezone, host, pid,
    definition, fingerprint, snapshot_at, outcome, exit_code,
    applications, inserted, updated, unchanged, pending, frozen,
    clicks_read, clicks_unusable, clicks_unattributed, clicks_by_class,
    readings_written, readings_deleted, seconds, peak_memory_bytes
)
SELECT
    :'id'::uuid, clock_timestamp()::timestamp, clock_timestamp()::timestamp, :'command',
    jsonb_build_object('rounds', 1, 'last', :'id'::uuid), :'version', :'rules', :'timezone',
    :'host', :'pid'::integer,
    :'definition'::jsonb, :'fingerprint', :'snapshot_at'::timestamp, 'published', 0,
    :'applications'::bigint, :'inserted'::bigint, :'updated'::bigint, :'unchanged'::bigint,
    :'pending'::bigint, :'frozen'::bigint,
    :'clicks_read'::bigint, :'clicks_unusable'::bigint, :'clicks_unattributed'::bigint,
    :'clicks_by_class'::jsonb,
    :'readings_written'::bigint, :'readings_deleted'::bigint, :'seconds'::jsonb,
    :'peak_memory_bytes'::bigint
WHERE NOT EXISTS (SELECT FROM of_this_hour);

-- as in finish_run.sql
UPDATE clickstats_runs
SET number = 1 + (SELECT max(number) FROM clickstats_runs)
WHERE
    command = :'command'
    AND outcome = 'published'
    AND snapshot_at = :'snapshot_at'::timestamp
    AND number < (SELECT max(number) FROM clickstats_runs)
