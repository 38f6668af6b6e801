-- Takes from the staging table the applications whose readings this run must leave alone: a newer
-- snapshot has written their row of link_click_analytics. The rows that this run has not written are
-- locked, so that none writes them before this run's end.
--   instant       when this run's snapshot was taken
--   first, last   the range of the staged applications: no need to look further
WITH ours AS MATERIALIZED (
    SELECT stored.application_id
    FROM link_click_analytics AS stored
    JOIN pg_temp.clickstats_staging AS staged ON staged.application_id = stored.application_id
    WHERE
        stored.application_id BETWEEN :'first'::uuid AND :'last'::uuid
        AND (
            stored.calculated_at = :'instant'::timestamp
            OR (
                NOT staged.is_written
                AND (
                    stored.calculated_at > :'instant'::timestamp
                    AND stored.calculated_at <= clock_timestamp()::timestamp
                ) IS NOT TRUE
            )
        )
    FOR NO KEY UPDATE OF stored
)

DELETE FROM pg_temp.clickstats_staging AS staged
WHERE NOT EXISTS (SELECT FROM ours WHERE ours.application_id = staged.application_id)
