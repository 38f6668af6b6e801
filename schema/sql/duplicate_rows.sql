-- Applications that stand more than once in link_click_analytics: how many, and the first of them. Of
-- link_click_readings with its name in place of the other.
SELECT count(*) AS applications, min(application_id::text) AS first_id
FROM (
    SELECT application_id
    FROM link_click_analytics
    WHERE application_id IS NOT NULL
    GROUP BY application_id
    HAVING count(*) > 1
) AS duplicate
HAVING count(*) > 0
