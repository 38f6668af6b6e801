-- What became of every click: clicks_read = clicks_used + clicks_unusable + clicks_unattributed.
-- The session provides search_path and TimeZone UTC.

select
    count(*) as clicks_read,
    count(*) filter (where usable and attributed) as clicks_used,
    count(*) filter (where not usable) as clicks_unusable,
    count(*) filter (where usable and not attributed) as clicks_unattributed
from (
    select
        click.clicked_at is not null
            and click.clicked_at >= '1970-01-01' and click.clicked_at < '2100-01-01' as usable,
        application.id is not null as attributed
    from link_clicks as click
    left join link_tracking as link using (tracking_id)
    left join job_applications as application on application.id = link.application_id
) as click
