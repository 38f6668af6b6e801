-- Notes which staged rows are stored by now: another program may have added or deleted some since the
-- snapshot.
UPDATE pg_temp.clickstats_staging AS staged
SET is_stored = EXISTS (
    SELECT FROM link_click_analytics AS stored
    WHERE stored.application_id = staged.application_id
)
