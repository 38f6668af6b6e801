-- What may store other values in our tables than a run writes, in words: triggers, rules and column
-- types, children and a missing unique index, with which several rows may stand for one. Of a partitioned
-- table, or one that has children, those of its parts; and triggers of tables whose rows a foreign key
-- changes together with ours. Of the ledger none: see writes.sql.
WITH RECURSIVE with_ours AS (
    SELECT inhparent AS oid, inhrelid AS other, true AS is_part FROM pg_inherits
    UNION ALL
    SELECT confrelid, conrelid, false FROM pg_constraint
    WHERE contype = 'f' AND confdeltype IN ('c', 'n', 'd')
),

target AS (
    SELECT to_regclass(name)::oid AS oid, true AS is_ours
    FROM unnest(
        ARRAY['link_click_analytics', 'link_click_readings', 'link_click_score_changes']
    ) AS name
    UNION
    SELECT with_ours.other, target.is_ours AND with_ours.is_part
    FROM target JOIN with_ours ON with_ours.oid = target.oid
)

SELECT 'trigger ' || quote_ident(t.tgname) AS name
FROM target
JOIN pg_trigger AS t ON t.tgrelid = target.oid
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
UNION
SELECT 'rule ' || quote_ident(r.rulename)
FROM target
JOIN pg_rewrite AS r ON r.ev_class = target.oid
WHERE r.ev_enabled <> 'D'
UNION
SELECT 'column ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
FROM target
JOIN pg_attribute AS a ON a.attrelid = target.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN (
    VALUES
    ('application_id', 'uuid'),
    ('job_id', 'uuid'),
    ('time_to_first_click', 'interval'),
    ('hours_to_first_click', 'numeric(10,2)'),
    ('time_between_first_last_click', 'interval'),
    ('hours_between_first_last_click', 'numeric(10,2)'),
    ('click_sequence', 'text[]'),
    ('unique_functions_clicked', 'integer'),
    ('total_click_events', 'integer'),
    ('peak_click_hour', 'integer'),
    ('click_days_of_week', 'integer[]'),
    ('engagement_velocity', 'numeric(10,4)'),
    ('engagement_score', 'integer'),
    ('intent_score', 'integer'),
    ('calculated_at', 'timestamp without time zone'),
    ('human_clicks', 'integer'),
    ('machine_clicks', 'integer'),
    ('own_clicks', 'integer'),
    ('repeated_clicks', 'integer'),
    ('first_human_click', 'timestamp without time zone'),
    ('last_human_click', 'timestamp without time zone'),
    ('engagement_score_all', 'integer'),
    ('intent_score_all', 'integer'),
    ('engagement_score_human', 'integer'),
    ('intent_score_human', 'integer'),
    ('human_rules', 'integer'),
    ('run_id', 'uuid'),
    ('changed_at', 'timestamp without time zone'),
    ('engagement_score_before', 'integer'),
    ('intent_score_before', 'integer'),
    ('rules_before', 'integer'),
    ('rules', 'integer')
) AS expected (name, type) ON expected.name = a.attname
WHERE target.is_ours AND format_type(a.atttypid, a.atttypmod) <> expected.type
UNION
SELECT 'child ' || c.relname
FROM target
JOIN pg_inherits AS i ON i.inhparent = target.oid
JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE target.is_ours
UNION
SELECT 'no unique index on application_id' || ours.of_table
FROM (
    VALUES ('link_click_analytics', ''), ('link_click_readings', ' of link_click_readings')
) AS ours (name, of_table)
WHERE NOT EXISTS (
    SELECT FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE
        i.indrelid = to_regclass(ours.name)
        AND a.attname = 'application_id'
        AND i.indnkeyatts = 1
        AND i.indisunique
        AND i.indisvalid
        AND i.indpred IS NULL
)
ORDER BY name
