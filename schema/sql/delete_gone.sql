-- Deletes the stored rows whose application is gone, as a foreign key would have done, but for those
-- that a newer snapshot has written (as in update.sql). Returns how many were stored before this run
-- and how many it had inserted itself: their application has been deleted meanwhile.
--   instant   when this run's snapshot was taken
WITH deleted AS (
    DELETE FROM link_click_analytics AS stored
    WHERE
        stored.application_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM job_applications AS a WHERE a.id = stored.application_id)
        AND (
            stored.calculated_at > :'instant'::timestamp
            AND stored.calculated_at <= clock_timestamp()::timestamp
        ) IS NOT TRUE
    RETURNING
        (stored.created_at, stored.calculated_at)
        IS NOT DISTINCT FROM (:'instant'::timestamp, :'instant'::timestamp) AS is_new
)

SELECT count(*) FILTER (WHERE NOT is_new), count(*) FILTER (WHERE is_new) FROM deleted
