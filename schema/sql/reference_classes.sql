-- Which clicks are human: one row for every used click, with its class, computed by PostgreSQL alone
-- and sharing nothing with the pipeline.
--
--   clicks_zone       the IANA name of the zone of times without one in link_clicks
--   spellings, names  two arrays of one length: the first spelling becomes the first name, and so on
--   trap_functions, machine_networks, own_networks, sweep_links, sweep_seconds, repeat_seconds
--                     as in a definition; lists are arrays
--   declared_agents   the user agents that say they are programs, as an array: which ones do is no
--                     matter of SQL
--   application_ids   the applications to look at, as an array; '{}' = every application
-- The session provides search_path and TimeZone UTC.
--
-- Built for ten million clicks: windows over the clicks of each application in the order of time.

with used_click as (
    select *
    from (
        select
            link.application_id,
            link.tracking_id,
            case
                -- Instants, too, are in UTC, as the session is. The sum has a domain's base type.
                when :'clicks_zone' = 'UTC'
                    or pg_typeof(click.clicked_at + interval '0') = 'timestamptz'::regtype
                then click.clicked_at::timestamp
                else (click.clicked_at::timestamp at time zone :'clicks_zone')::timestamp
            end as clicked_at,
            -- A collation of the column's own could take different functions for equal ones.
            case
                when cardinality(:'spellings'::text[]) = 0 then link.link_function::text
                else coalesce(
                    (:'names'::text[])[
                        array_position(:'spellings'::text[], link.link_function::text collate "C")
                    ],
                    link.link_function::text
                )
            end collate "C" as link_function,
            case
                when click.user_agent::text collate "C" = any (:'declared_agents'::text[])
                then 'declared'
                when click.ip_address <<= any (:'machine_networks'::cidr[]) then 'network'
                when click.ip_address <<= any (:'own_networks'::cidr[]) then 'own'
            end as sender
        from link_clicks as click
        join link_tracking as link using (tracking_id)
        join job_applications as application on application.id = link.application_id
        -- What is further away can be no usable instant, and not all of it can be converted.
        where click.clicked_at >= '1969-12-30' and click.clicked_at < '2100-01-03'
            and (
                cardinality(:'application_ids'::uuid[]) = 0
                or link.application_id = any (:'application_ids'::uuid[])
            )
    ) as click
    where clicked_at >= '1970-01-01' and clicked_at < '2100-01-01'
),

-- How many clicks came near each one, itself among them: of any kind, and on traps. And whether the
-- clicks just before and after it were on its own link.
with_neighbours as (
    select
        application_id,
        tracking_id,
        clicked_at,
        link_function,
        sender,
        count(*) over near as clicks_near,
        count(*) filter (
            where link_function = any (:'trap_functions'::text[])
        ) over near as traps_near,
        coalesce(
            lag(tracking_id) over in_turn = tracking_id
            and lead(tracking_id) over in_turn = tracking_id, false
        ) as amid_its_own
    from used_click
    window near as (
        partition by application_id order by clicked_at
        range between :'sweep_seconds'::integer * interval '1 second' preceding
            and :'sweep_seconds'::integer * interval '1 second' following
    ),
    in_turn as (partition by application_id order by clicked_at, tracking_id collate "C")
),

-- The links in the stretch that begins with each click. Not collected are clicks with too few others
-- near, which are in no sweep, and clicks amid their own: a stretch that holds one of these and another
-- link as well reaches beyond them, to where their link is collected.
with_stretch as (
    select
        *,
        array_agg(tracking_id) filter (
            where clicks_near >= :'sweep_links'::integer and not amid_its_own
        ) over (
            partition by application_id order by clicked_at
            range between current row
                and :'sweep_seconds'::integer * interval '1 second' following
        ) as links
    from with_neighbours
),

-- When the last sweep began that a click may lie in.
with_sweep as (
    select
        *,
        max(clicked_at) filter (
            where :'sweep_links'::integer > 0
                and clicks_near >= :'sweep_links'::integer
                and (select count(distinct link collate "C") from unnest(links) as link)
                    >= :'sweep_links'::integer
        ) over (partition by application_id order by clicked_at) as sweep_began
    from with_stretch
),

claimed as (
    select
        application_id,
        tracking_id,
        clicked_at,
        link_function,
        case
            when traps_near > 0 then 'trap'
            when sender is not null then sender
            when clicked_at - sweep_began <= :'sweep_seconds'::integer * interval '1 second'
            then 'sweep'
        end as claim
    from with_sweep
)

select
    application_id,
    tracking_id,
    clicked_at,
    link_function,
    case
        when claim is not null then claim
        -- The click before it among those that nothing else claims.
        when clicked_at - lag(clicked_at) over (
            partition by tracking_id collate "C", claim is null order by clicked_at
        ) <= :'repeat_seconds'::integer * interval '1 second'
        then 'repeat'
        else 'human'
    end as class
from claimed
