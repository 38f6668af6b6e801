-- After writing, keeps in staging what is not stored, to be inserted: another program has deleted
-- the row since the snapshot, with its application or without.
WITH written AS (
    DELETE FROM pg_temp.clickstats_staging AS staged
    WHERE EXISTS (
        SELECT FROM link_click_analytics AS stored
        WHERE stored.application_id = staged.application_id
    )
)

UPDATE pg_temp.clickstats_staging AS staged
SET is_stored = FALSE
WHERE NOT EXISTS (
    SELECT FROM link_click_analytics AS stored
    WHERE stored.application_id = staged.application_id
)
