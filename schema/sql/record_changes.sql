-- Keeps what the staged readings change about the scores of human clicks; before they are written. An
-- application without a row starts from 0.
--   run       the id of this run
--   instant   when its snapshot was taken
--   only_stored   whether those without a row are left out
--   every     whether those are written, too, that were the same
--   first, last   the range of the staged applications: no need to look further
INSERT INTO link_click_score_changes (
    application_id, run_id, changed_at,
    engagement_score_before, intent_score_before, rules_before,
    engagement_score, intent_score, rules
)
SELECT
    staged.application_id,
    :'run'::uuid,
    :'instant'::timestamp,
    coalesce(stored.engagement_score_human, 0),
    coalesce(stored.intent_score_human, 0),
    coalesce(stored.human_rules, 0),
    coalesce(staged.engagement_score_human, 0),
    coalesce(staged.intent_score_human, 0),
    coalesce(staged.human_rules, 0)
FROM pg_temp.clickstats_staging AS staged
LEFT JOIN link_click_readings AS stored
    ON
        stored.application_id = staged.application_id
        AND stored.application_id BETWEEN :'first'::uuid AND :'last'::uuid
WHERE
    (staged.is_stored OR NOT :'only_stored'::boolean)
    -- what is written or deleted
    AND (staged.has_other_readings OR staged.human_clicks IS NULL OR :'every'::boolean)
    AND (
        coalesce(stored.engagement_score_human, 0) <> coalesce(staged.engagement_score_human, 0)
        OR coalesce(stored.intent_score_human, 0) <> coalesce(staged.intent_score_human, 0)
    )
