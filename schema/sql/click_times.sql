-- How many used clicks there are in each quarter of an hour (UTC). Quarters, because no time zone of
-- an application's time is off by less; the zone itself is applied later, by the library that also
-- computes the metrics.
SELECT
    date_bin('15 minutes', clicked_at::timestamp, '1970-01-01') AS quarter_hour,
    count(*) AS clicks
FROM link_clicks
WHERE
    clicked_at >= '1970-01-01'
    AND clicked_at < '2100-01-01'
    AND tracking_id IN (
        SELECT tracking_id
        FROM link_tracking
        WHERE application_id IN (SELECT id FROM job_applications)
    )
GROUP BY 1
