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
    of_human.intent_score as intent_score_human,
    -- A bit for each rule that fired for the human clicks, in the order of the tables of rules.
    (of_human.total_click_events > 0)::integer
    + 2 * ('LinkedIn' = any (of_human.click_sequence))::integer
    + 4 * ('Calendly' = any (of_human.click_sequence))::integer
    + 8 * (of_human.total_click_events > of_human.unique_functions_clicked)::integer
    + 16 * coalesce(
        of_human.time_to_first_click > '0' and of_human.time_to_first_click < '4 hours', false
    )::integer
    + 32 * (0 = any (of_human.click_days_of_week) or 6 = any (of_human.click_days_of_week))::integer
    + 64 * (of_human.unique_functions_clicked > 1)::integer
    + case
        when of_human.time_to_first_click > '0' and of_human.time_to_first_click < '2 hours' then 128
        when of_human.time_to_first_click > '0' and of_human.time_to_first_click < '8 hours' then 256
        else 0
    end
    + case
        when of_human.total_click_events * 86400::numeric > 2 * of_human.seconds then 512
        when of_human.total_click_events * 86400::numeric > of_human.seconds then 1024
        else 0
    end
    + 2048 * ('Calendly' = any (of_human.click_sequence))::integer
    + 4096 * (of_human.total_click_events > 3)::integer
        as human_rules
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
join (
    select
        *,
        greatest(extract(epoch from time_between_first_last_click), 86400) as seconds
    from of_human
) as of_human using (application_id)
