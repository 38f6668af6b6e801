-- What a run changed most about scores, and how many changes there are in all.
--   run   its id
SELECT
    application_id,
    engagement_score_before,
    engagement_score,
    intent_score_before,
    intent_score,
    count(*) OVER () AS changes
FROM link_click_score_changes
WHERE run_id = :'run'::uuid
ORDER BY
    abs(engagement_score - engagement_score_before) + abs(intent_score - intent_score_before) DESC,
    application_id
LIMIT 3
