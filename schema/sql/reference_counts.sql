-- What became of every click: clicks_read = clicks_used + clicks_unusable + clicks_unattributed.
--   clicks_zone   the IANA name of the zone of times without one in link_clicks
-- The session provides search_path and TimeZone UTC.

select
    count(*) as clicks_read,
    count(*) filter (where usable and attributed) as clicks_used,
    count(*) filter (where not usable) as clicks_unusable,
    count(*) filter (where usable and not attributed) as clicks_unattributed
from (
    select
        coalesce(
            case
                -- Nothing further away can be usable, and not all of it can be converted.
                when click.clicked_at < '1969-12-30' or click.clicked_at >= '2100-01-03' then null
                -- Instants, too, are in UTC, as the session is. The sum has a domain's base type.
                when :'clicks_zone' = 'UTC'
                    or pg_typeof(click.clicked_at + interval '0') = 'timestamptz'::regtype
                then click.clicked_at::timestamp
                else (click.clicked_at::timestamp at time zone :'clicks_zone')::timestamp
            end between '1970-01-01' and '2099-12-31 23:59:59.999999',
            false
        ) as usable,
        application.id is not null as attributed
    from link_clicks as click
    left join link_tracking as link using (tracking_id)
    left join job_applications as application on application.id = link.application_id
) as click
