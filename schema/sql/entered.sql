-- Whether the ledger says of a run what it has entered there, as far as later runs rely on it.
SELECT
    EXISTS (
        SELECT FROM clickstats_runs
        WHERE
            id = :'id'::uuid
            AND outcome = :'outcome'
            AND (timezone = :'timezone' OR :'timezone' IS NULL)
            AND (definition, fingerprint, snapshot_at, applications, clicks_read)
            IS NOT DISTINCT FROM (
                :'definition'::jsonb, :'fingerprint', :'snapshot_at'::timestamp,
                :'applications'::bigint, :'clicks_read'::bigint
            )
    )
