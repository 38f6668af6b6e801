-- Which tables no foreign key of ours guards now: it was dropped, or its triggers are switched off, or it was
-- made anew NOT VALID, and says nothing of the rows that were there before it.
--   ours       the table that should refer to it; of link_click_readings and link_click_score_changes, whose
--              keys do the same, one stands for both
SELECT
    referred.ours,
    referred.name
FROM (
    VALUES
    ('link_click_analytics', 'link_click_analytics', 'job_applications', 'application_id'),
    ('link_click_analytics', 'link_click_analytics', 'jobs', 'job_id'),
    ('link_click_readings', 'link_click_readings', 'job_applications', 'application_id'),
    ('link_click_readings', 'link_click_score_changes', 'job_applications', 'application_id')
) AS referred (ours, referring, name, key)
WHERE NOT EXISTS (
    SELECT FROM pg_constraint AS con
    JOIN pg_attribute AS a ON a.attrelid = con.conrelid AND con.conkey = ARRAY[a.attnum]
    WHERE
        con.contype = 'f'
        AND con.convalidated
        AND con.conrelid = to_regclass(referred.referring)
        AND con.confrelid = to_regclass(referred.name)
        AND a.attname = referred.key
        AND NOT EXISTS (
            SELECT FROM pg_trigger AS t
            WHERE t.tgconstraint = con.oid AND t.tgenabled IN ('D', 'R')
        )
)
ORDER BY referred.ours, referred.name
