-- The link functions of the clicks of some applications at some instants.
--   application_ids, instants   two arrays of one length; the instants are UTC
SELECT DISTINCT
    asked.application_id,
    link.link_function::text COLLATE "C" AS link_function
FROM unnest(:'application_ids'::uuid[], :'instants'::timestamp[]) AS asked (application_id, instant)
JOIN link_tracking AS link ON link.application_id = asked.application_id
JOIN link_clicks AS click
    ON click.tracking_id = link.tracking_id AND click.clicked_at = asked.instant
