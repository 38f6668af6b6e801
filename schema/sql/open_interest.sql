-- Applications with human interest since an instant whose status is not among some, best first: by intent,
-- engagement and the last human click.
--   since       of the last human click, UTC
--   closed      the statuses that are left out, as an array
--   wanted      the only statuses that are wanted, as an array; null: any that is not closed
--   row_limit   how many at most
-- pipeline/answers/followups.py puts in front what stands for job_applications, jobs and companies: of
-- columns that are not there or may not be read, nulls.
SELECT
    best.application_id,
    jobs.job_title,
    companies.name AS company,
    applications.application_status,
    best.intent_score_human,
    best.engagement_score_human,
    best.last_human_click,
    best.human_rules,
    best.applications
FROM (
    -- to be counted, every row is kept until the last one is known: only what orders them, no names
    SELECT
        readings.application_id,
        readings.intent_score_human,
        readings.engagement_score_human,
        readings.last_human_click,
        readings.human_rules,
        count(*) OVER () AS applications
    FROM link_click_readings AS readings
    JOIN applications ON applications.id = readings.application_id
    WHERE
        readings.last_human_click BETWEEN :'since'::timestamp AND '9999-12-31'
        AND (
            applications.application_status IS NULL
            OR applications.application_status <> ALL (:'closed'::text[])
        )
        AND (
            :'wanted'::text[] IS NULL
            OR applications.application_status = ANY (:'wanted'::text[])
        )
    ORDER BY
        readings.intent_score_human DESC,
        readings.engagement_score_human DESC,
        readings.last_human_click DESC,
        readings.application_id
    LIMIT :'row_limit'::integer
) AS best
JOIN applications ON applications.id = best.application_id
LEFT JOIN named_jobs AS jobs ON jobs.id = applications.job_id
LEFT JOIN named_companies AS companies ON companies.id = jobs.company_id
ORDER BY
    best.intent_score_human DESC,
    best.engagement_score_human DESC,
    best.last_human_click DESC,
    best.application_id
