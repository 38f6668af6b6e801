-- How many applications have a score in each band of ten points; band 90 holds 90 to 100.
SELECT
    band,
    (SELECT count(*) FROM link_click_analytics WHERE least(engagement_score / 10, 9) = band / 10)
        AS engagement,
    (SELECT count(*) FROM link_click_analytics WHERE least(intent_score / 10, 9) = band / 10)
        AS intent
FROM generate_series(0, 90, 10) AS band
ORDER BY band
