-- Closes the row of a run, which takes the next number. wal_bytes is what the whole server wrote between the run's start and
-- here: PostgreSQL before 18 counts no WAL for one session. What was published stays so. The number is the
-- highest one also where rows came without their sequence, by logical replication for instance.
UPDATE clickstats_runs
SET
    number = DEFAULT,
    finished_at = clock_timestamp()::timestamp,
    options = options || :'noted'::jsonb,
    outcome = :'outcome',
    exit_code = :'exit_code'::integer,
    timezone = coalesce(:'timezone', timezone),
    definition = :'definition'::jsonb,
    fingerprint = :'fingerprint',
    snapshot_at = :'snapshot_at'::timestamp,
    applications = :'applications'::bigint,
    inserted = :'inserted'::bigint,
    updated = :'updated'::bigint,
    unchanged = :'unchanged'::bigint,
    pending = :'pending'::bigint,
    clicks_read = :'clicks_read'::bigint,
    clicks_unusable = :'clicks_unusable'::bigint,
    clicks_unattributed = :'clicks_unattributed'::bigint,
    clicks_by_class = :'clicks_by_class'::jsonb,
    frozen = :'frozen'::bigint,
    readings_written = :'readings_written'::bigint,
    readings_deleted = :'readings_deleted'::bigint,
    seconds = :'seconds'::jsonb,
    wal_bytes = pg_wal_lsn_diff(pg_current_wal_insert_lsn(), :'wal_start'::pg_lsn),
    peak_memory_bytes = :'peak_memory_bytes'::bigint,
    warnings = :'warnings'::text[],
    error = :'error'
WHERE id = :'id'::uuid AND outcome <> 'published';

UPDATE clickstats_runs
SET number = 1 + (SELECT max(number) FROM clickstats_runs)
WHERE
    id = :'id'::uuid
    AND outcome = :'outcome'
    AND number <= (SELECT max(number) FROM clickstats_runs WHERE id <> :'id'::uuid)
