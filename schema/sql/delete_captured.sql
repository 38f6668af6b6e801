-- Deletes what a run has done of clickstats_changes: each row by its identity, since a transaction that
-- is still open holds lower numbers than others that have ended.
--   numbers    of the rows that the run saw
--   instants   of the same rows: numbers begin anew when capture is turned off and on, and where rows came
--              without their sequence, by logical replication for instance
--   kept       numbers of those that stay
DELETE FROM clickstats_changes
WHERE
    (number, changed_at) IN (
        SELECT * FROM unnest(:'numbers'::bigint[], :'instants'::timestamp[])
    )
    AND number <> ALL (:'kept'::bigint[])
