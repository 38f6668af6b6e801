-- How many applications with a score in each band of ten points have a status that means an
-- interview, or an offer; band 90 holds 90 to 100.
--   interview, offer   patterns of ILIKE
SELECT
    points.score,
    least(points.points / 10, 9) * 10 AS band,
    count(*) AS applications,
    count(*) FILTER (WHERE application.application_status::text ILIKE ANY (:'interview'::text[]))
        AS interview,
    count(*) FILTER (WHERE application.application_status::text ILIKE ANY (:'offer'::text[]))
        AS offer
FROM link_click_analytics AS stored
JOIN job_applications AS application ON application.id = stored.application_id
CROSS JOIN LATERAL (
    VALUES ('engagement_score', stored.engagement_score), ('intent_score', stored.intent_score)
) AS points (score, points)
WHERE points.points IS NOT NULL
GROUP BY 1, 2
