-- Every metric and both scores in one SELECT: the row that link_click_analytics should hold for
-- each row of job_applications, computed by PostgreSQL alone and sharing nothing with the pipeline.
--
--   timezone          the IANA name of the zone of peak_click_hour and click_days_of_week
--   clicks_zone, applications_zone
--                     those of times without a zone in link_clicks and in job_applications
--   spellings, names  two arrays of one length: the first spelling becomes the first name, and so on
--   application_ids   the applications to compute, as an array; '{}' = every application
-- The session provides search_path and TimeZone UTC, so that ::timestamp turns a timestamptz column
-- into UTC and leaves a timestamp column alone.
--
-- Built for ten million clicks: one pass over them, one big sort by application, and small sorts
-- within each application. A million clicks sort in about 100 MB of work_mem; with less they sort
-- on disk, which costs little.
--
-- PostgreSQL takes CET, EET, MET and WET for fixed offsets here, although they are also IANA names
-- of zones with summer time.

with usable_click as (
    select
        application_id,
        link_function,
        clicked_at,
        clicked_at at time zone 'UTC' at time zone :'timezone' as local_time
    from (
        select
            link.application_id,
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
                -- Instants, too, are in UTC, as the session is. The sum has a domain's base type.
                when :'clicks_zone' = 'UTC'
                    or pg_typeof(click.clicked_at + interval '0') = 'timestamptz'::regtype
                then click.clicked_at::timestamp
                else (click.clicked_at::timestamp at time zone :'clicks_zone')::timestamp
            end as clicked_at
        from link_clicks as click
        join link_tracking as link using (tracking_id)
        -- What is further away can be no usable instant, and not all of it can be converted.
        where click.clicked_at >= '1969-12-30' and click.clicked_at < '2100-01-03'
            and (
                cardinality(:'application_ids'::uuid[]) = 0
                or link.application_id = any (:'application_ids'::uuid[])
            )
    ) as click
    -- Neither null nor infinite passes.
    where clicked_at >= '1970-01-01' and clicked_at < '2100-01-01'
),

-- Links without an application, or with one that does not exist, form groups that nobody asks for.
clicked as (
    select
        application_id,
        min(clicked_at) as first_click,
        max(clicked_at) as last_click,
        -- Numeric and in seconds, so that rates and thresholds are exact; never less than one day.
        greatest(extract(epoch from max(clicked_at) - min(clicked_at)), 86400) as seconds,
        -- The bytes of UTF-8, whatever the encoding of the database.
        array_agg(link_function order by clicked_at, convert_to(link_function, 'UTF8'))
            as click_sequence,
        count(distinct link_function)::integer as unique_functions,
        count(*)::integer as clicks,
        -- mode() takes the first of equally frequent values in this order: the earliest hour.
        mode() within group (order by date_part('hour', local_time))::integer as peak_hour,
        -- Bit 0 is Sunday, bit 6 Saturday.
        bit_or(1 << date_part('dow', local_time)::integer) as weekdays
    from usable_click
    group by application_id
),

measured as (
    select
        application.id as application_id,
        job.id as job_id,
        clicked.first_click - case
            when application.created_at >= '1970-01-01' and application.created_at < '2100-01-01'
            then application.created_at
        end as time_to_first_click,
        clicked.last_click - clicked.first_click as time_between_first_last_click,
        coalesce(clicked.click_sequence, '{}') as click_sequence,
        coalesce(clicked.unique_functions, 0) as unique_functions_clicked,
        coalesce(clicked.clicks, 0) as total_click_events,
        clicked.peak_hour as peak_click_hour,
        coalesce(clicked.weekdays, 0) as weekdays,
        coalesce(clicked.seconds, 86400) as seconds
    from (
        select
            id,
            job_id,
            case
                -- Nothing further away can be usable, and not all of it can be converted.
                when created_at < '1969-12-30' or created_at >= '2100-01-03' then null
                -- Instants, too, are in UTC, as the session is. The sum has a domain's base type.
                when :'applications_zone' = 'UTC'
                    or pg_typeof(created_at + interval '0') = 'timestamptz'::regtype
                then created_at::timestamp
                else (created_at::timestamp at time zone :'applications_zone')::timestamp
            end as created_at
        from job_applications
        where cardinality(:'application_ids'::uuid[]) = 0
            or id = any (:'application_ids'::uuid[])
    ) as application
    left join jobs as job on job.id = application.job_id
    left join clicked on clicked.application_id = application.id
)

select
    application_id,
    job_id,
    time_to_first_click,
    round(extract(epoch from time_to_first_click) / 3600, 2)::numeric(10, 2)
        as hours_to_first_click,
    time_between_first_last_click,
    round(extract(epoch from time_between_first_last_click) / 3600, 2)::numeric(10, 2)
        as hours_between_first_last_click,
    click_sequence,
    unique_functions_clicked,
    total_click_events,
    peak_click_hour,
    array_remove(array[
        case when weekdays & 1 > 0 then 0 end,
        case when weekdays & 2 > 0 then 1 end,
        case when weekdays & 4 > 0 then 2 end,
        case when weekdays & 8 > 0 then 3 end,
        case when weekdays & 16 > 0 then 4 end,
        case when weekdays & 32 > 0 then 5 end,
        case when weekdays & 64 > 0 then 6 end
    ], null) as click_days_of_week,
    -- Thirty decimals before rounding to four: with at most 130 years of microseconds below the
    -- line, a quotient that is no tie lies 1e-21 or more from one, so rounding twice is safe.
    least(round(total_click_events * 86400::numeric(35, 30) / seconds, 4), 999999.9999)
        ::numeric(10, 4) as engagement_velocity,

    least(100,
        case when total_click_events > 0 then 10 else 0 end
        + case when 'LinkedIn' = any (click_sequence) then 25 else 0 end
        + case when 'Calendly' = any (click_sequence) then 40 else 0 end
        + least(5 * (total_click_events - unique_functions_clicked), 15)
        + case
            when time_to_first_click > '0' and time_to_first_click < '4 hours' then 30
            else 0
        end
        + case when weekdays & (1 + 64) > 0 then 20 else 0 end
        + 10 * greatest(unique_functions_clicked - 1, 0)
    ) as engagement_score,

    least(100,
        case
            when time_to_first_click > '0' and time_to_first_click < '2 hours' then 50
            when time_to_first_click > '0' and time_to_first_click < '8 hours' then 30
            else 0
        end
        + case
            when total_click_events * 86400::numeric > 2 * seconds then 30
            when total_click_events * 86400::numeric > seconds then 15
            else 0
        end
        + case when 'Calendly' = any (click_sequence) then 40 else 0 end
        + case when total_click_events > 3 then 20 else 0 end
    ) as intent_score
from measured
