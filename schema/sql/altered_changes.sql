-- How many changes of scores are stored otherwise than this run has kept them (record_changes.sql), and
-- the first of them; but for those of rows that it leaves to a newer run (as in keep_ours.sql).
--   run       the id of this run
--   only_stored   as in record_changes.sql
--   instant   when its snapshot was taken
SELECT count(*), min(application_id::text)
FROM (
    SELECT
        written.application_id,
        coalesce(before.engagement_score_human, 0)::integer AS engagement_score_before,
        coalesce(before.intent_score_human, 0)::integer AS intent_score_before,
        coalesce(before.human_rules, 0)::integer AS rules_before,
        coalesce(written.engagement_score_human, 0) AS engagement_score,
        coalesce(written.intent_score_human, 0) AS intent_score,
        coalesce(written.human_rules, 0) AS rules
    FROM pg_temp.clickstats_written AS written
    JOIN link_click_analytics AS ours ON ours.application_id = written.application_id
    LEFT JOIN pg_temp.clickstats_readings_before AS before
        ON before.application_id = written.application_id
    WHERE
        (written.is_stored OR NOT :'only_stored'::boolean)
        AND (
            ours.calculated_at = :'instant'::timestamp
            OR (
                NOT written.is_written
                AND (
                    ours.calculated_at > :'instant'::timestamp
                    AND ours.calculated_at <= clock_timestamp()::timestamp
                ) IS NOT TRUE
            )
        )
        AND (
            coalesce(before.engagement_score_human, 0)
            <> coalesce(written.engagement_score_human, 0)
            OR coalesce(before.intent_score_human, 0) <> coalesce(written.intent_score_human, 0)
        )
) AS expected
FULL JOIN (
    SELECT * FROM link_click_score_changes WHERE run_id = :'run'::uuid
) AS stored USING (application_id)
WHERE
    (
        stored.engagement_score_before, stored.intent_score_before, stored.rules_before,
        stored.engagement_score, stored.intent_score, stored.rules, stored.changed_at
    ) IS DISTINCT FROM (
        expected.engagement_score_before, expected.intent_score_before, expected.rules_before,
        expected.engagement_score, expected.intent_score, expected.rules, :'instant'::timestamp
    )
    AND EXISTS (SELECT FROM job_applications AS a WHERE a.id = application_id)
