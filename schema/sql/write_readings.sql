-- Writes the staged readings that were not stored, or not the same: what is left alone costs a lock and
-- its log, too.
--   instant   when this run's snapshot was taken
--   every     whether to write the others too
INSERT INTO link_click_readings AS stored (
    application_id,
    human_clicks,
    machine_clicks,
    own_clicks,
    repeated_clicks,
    first_human_click,
    last_human_click,
    engagement_score_all,
    intent_score_all,
    engagement_score_human,
    intent_score_human,
    human_rules,
    calculated_at
)
SELECT
    application_id,
    human_clicks,
    machine_clicks,
    own_clicks,
    repeated_clicks,
    timestamp '1970-01-01' + first_human_click * interval '1 microsecond',
    timestamp '1970-01-01' + last_human_click * interval '1 microsecond',
    engagement_score_all,
    intent_score_all,
    engagement_score_human,
    intent_score_human,
    human_rules,
    :'instant'::timestamp
FROM pg_temp.clickstats_staging
WHERE human_clicks IS NOT NULL AND (has_other_readings OR :'every'::boolean)
ORDER BY application_id
ON CONFLICT (application_id) DO UPDATE SET
    human_clicks = excluded.human_clicks,
    machine_clicks = excluded.machine_clicks,
    own_clicks = excluded.own_clicks,
    repeated_clicks = excluded.repeated_clicks,
    first_human_click = excluded.first_human_click,
    last_human_click = excluded.last_human_click,
    engagement_score_all = excluded.engagement_score_all,
    intent_score_all = excluded.intent_score_all,
    engagement_score_human = excluded.engagement_score_human,
    intent_score_human = excluded.intent_score_human,
    human_rules = excluded.human_rules,
    calculated_at = excluded.calculated_at
WHERE
    :'every'::boolean
    OR (
        stored.human_clicks, stored.machine_clicks, stored.own_clicks, stored.repeated_clicks, stored.first_human_click, stored.last_human_click, stored.engagement_score_all, stored.intent_score_all, stored.engagement_score_human, stored.intent_score_human, stored.human_rules
    ) IS DISTINCT FROM (
        excluded.human_clicks, excluded.machine_clicks, excluded.own_clicks, excluded.repeated_clicks, excluded.first_human_click, excluded.last_human_click, excluded.engagement_score_all, excluded.intent_score_all, excluded.engagement_score_human, excluded.intent_score_human, excluded.human_rules
    )
