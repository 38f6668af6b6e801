-- How scores of human clicks changed since an instant, newest first.
--   since             UTC
--   application_ids   the applications that are wanted; '{}' = every one
--   row_limit         how many at most
SELECT
    changes.application_id,
    changes.run_id,
    changes.changed_at,
    changes.engagement_score_before,
    changes.engagement_score,
    changes.intent_score_before,
    changes.intent_score,
    changes.rules_before,
    changes.rules,
    jobs.job_title,
    companies.name AS company,
    count(*) OVER () AS changes
FROM link_click_score_changes AS changes
LEFT JOIN applications ON applications.id = changes.application_id
LEFT JOIN named_jobs AS jobs ON jobs.id = applications.job_id
LEFT JOIN named_companies AS companies ON companies.id = jobs.company_id
WHERE
    changes.changed_at BETWEEN :'since'::timestamp AND '9999-12-31'
    AND (
        cardinality(:'application_ids'::uuid[]) = 0
        OR changes.application_id = ANY (:'application_ids'::uuid[])
    )
ORDER BY changes.changed_at DESC, changes.application_id
LIMIT :'row_limit'::integer
