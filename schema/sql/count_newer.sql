-- How many staged rows were left alone because a newer snapshot has written them (update.sql).
--   first, last   the range of the staged applications: no need to look further
SELECT count(*)
FROM pg_temp.clickstats_staging AS staged
JOIN link_click_analytics AS stored ON stored.application_id = staged.application_id
WHERE
    staged.is_written
    AND stored.calculated_at > :'instant'::timestamp
    AND stored.application_id BETWEEN :'first'::uuid AND :'last'::uuid
