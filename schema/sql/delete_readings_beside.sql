-- After a first load was copied: deletes the readings that another program has added meanwhile of
-- applications without a used click. Those of others are in the way of the copied ones.
--   instant   when this run's snapshot was taken
DELETE FROM link_click_readings AS stored
USING link_click_analytics AS ours
WHERE
    -- mostly there is none; then nothing is joined
    EXISTS (
        SELECT FROM link_click_readings AS other
        WHERE other.calculated_at IS DISTINCT FROM :'instant'::timestamp
    )
    AND stored.calculated_at IS DISTINCT FROM :'instant'::timestamp
    AND ours.application_id = stored.application_id
    AND ours.calculated_at = :'instant'::timestamp
