-- Both readings side by side: the row that link_click_readings should hold for each application with
-- a used click, but for its instant.
--
-- Reads three relations that schema/sql/reference.py puts in front: `classified`, the rows of
-- reference_classes.sql, and `of_all` and `of_human`, those of reference.sql over all clicks and over
-- the human ones. In psql, after the \set of all parameters, for example:
--
--   \set classes `cat reference_classes.sql`
--   \set reference `cat reference.sql`
--   create temp table classified as :classes;
--   create temp table of_all as :reference;
--   create temp view link_clicks as
--       select tracking_id, clicked_at at time zone 'UTC' as clicked_at
--       from classified where class = 'human';
--   create temp table of_human as :reference;

select
    application_id,
    human_clicks,
    machine_clicks,
    own_clicks,
    repeated_clicks,
    first_human_click,
    last_human_click,
    of_all.engagement_score as engagement_score_all,
    of_all.intent_score as intent_score_all,
    of_human.engagement_score as engagement_score_human,
    of_human.intent_score as intent_score_human
from (
    select
        application_id,
        count(*) filter (where class = 'human')::integer as human_clicks,
        count(*) filter (where class in ('trap', 'declared', 'network', 'sweep'))::integer
            as machine_clicks,
        count(*) filter (where class = 'own')::integer as own_clicks,
        count(*) filter (where class = 'repeat')::integer as repeated_clicks,
        min(clicked_at) filter (where class = 'human') as first_human_click,
        max(clicked_at) filter (where class = 'human') as last_human_click
    from classified
    group by application_id
) as clicked
join of_all using (application_id)
join of_human using (application_id)
