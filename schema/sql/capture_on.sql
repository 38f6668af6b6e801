-- Starts change capture: from the commit of this on, each statement that changes the source appends
-- what it touched to clickstats_changes, in its own transaction. pipeline/capture.py adds the triggers.
-- One row per thing touched; a row in which all three are null stands for everything.
--   tracking_id      clicks on this link came, went or changed: whose they are is looked up by the run
--   application_id   an application, or links of it, came, went or changed
--   job_id           a job came or went; only where no foreign key tells the applications of it
CREATE TABLE clickstats_changes (
    number bigint GENERATED ALWAYS AS IDENTITY (CACHE 100), -- tells rows apart, and says no order
    changed_at timestamp NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'),
    tracking_id text,
    application_id uuid,
    job_id uuid
)
-- rows come and go: the space of those that went is to be found again soon
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- rows can be deleted although a publication FOR ALL TABLES holds the table, which has no key: a key
-- would have all writers write to the same page
ALTER TABLE clickstats_changes REPLICA IDENTITY FULL;

COMMENT ON TABLE clickstats_changes IS 'What has changed since clickstats last computed it';

-- The triggers name what was there before the statement "gone", and what is there after it "come".
-- More than 10,000 things touched by one statement are everything.
CREATE FUNCTION clickstats_capture_clicks() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    ids text[];
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN ids := ARRAY(SELECT DISTINCT tracking_id::text FROM come LIMIT 10001);
        WHEN 'DELETE' THEN ids := ARRAY(SELECT DISTINCT tracking_id::text FROM gone LIMIT 10001);
        ELSE ids := ARRAY(
            SELECT tracking_id::text FROM gone UNION SELECT tracking_id::text FROM come LIMIT 10001
        );
    END CASE;
    IF cardinality(ids) > 10000 THEN
        INSERT INTO clickstats_changes DEFAULT VALUES;
    ELSE
        INSERT INTO clickstats_changes (tracking_id) SELECT id FROM unnest(ids) AS id WHERE id IS NOT NULL;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION clickstats_capture_links() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    ids uuid[];
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN ids := ARRAY(SELECT DISTINCT application_id FROM come LIMIT 10001);
        WHEN 'DELETE' THEN ids := ARRAY(SELECT DISTINCT application_id FROM gone LIMIT 10001);
        ELSE ids := ARRAY(
            -- a counter of clicks, for instance, is no change; another case is one, by any collation
            SELECT application_id FROM (
                SELECT application_id, tracking_id::text, link_function::text COLLATE "C" FROM gone
                EXCEPT ALL
                SELECT application_id, tracking_id::text, link_function::text COLLATE "C" FROM come
            ) AS gone
            UNION
            SELECT application_id FROM (
                SELECT application_id, tracking_id::text, link_function::text COLLATE "C" FROM come
                EXCEPT ALL
                SELECT application_id, tracking_id::text, link_function::text COLLATE "C" FROM gone
            ) AS come
            LIMIT 10001
        );
    END CASE;
    IF cardinality(ids) > 10000 THEN
        INSERT INTO clickstats_changes DEFAULT VALUES;
    ELSE
        INSERT INTO clickstats_changes (application_id) SELECT id FROM unnest(ids) AS id WHERE id IS NOT NULL;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION clickstats_capture_applications() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    ids uuid[];
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN ids := ARRAY(SELECT DISTINCT id FROM come LIMIT 10001);
        WHEN 'DELETE' THEN ids := ARRAY(SELECT DISTINCT id FROM gone LIMIT 10001);
        ELSE ids := ARRAY(
            SELECT id FROM (
                SELECT id, job_id, created_at FROM gone
                EXCEPT ALL
                SELECT id, job_id, created_at FROM come
            ) AS gone
            UNION
            SELECT id FROM (
                SELECT id, job_id, created_at FROM come
                EXCEPT ALL
                SELECT id, job_id, created_at FROM gone
            ) AS come
            LIMIT 10001
        );
    END CASE;
    IF cardinality(ids) > 10000 THEN
        INSERT INTO clickstats_changes DEFAULT VALUES;
    ELSE
        INSERT INTO clickstats_changes (application_id) SELECT id FROM unnest(ids) AS id WHERE id IS NOT NULL;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION clickstats_capture_jobs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    ids uuid[];
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN ids := ARRAY(SELECT DISTINCT id FROM come LIMIT 10001);
        WHEN 'DELETE' THEN ids := ARRAY(SELECT DISTINCT id FROM gone LIMIT 10001);
        ELSE ids := ARRAY(
            (SELECT id FROM gone EXCEPT SELECT id FROM come)
            UNION
            (SELECT id FROM come EXCEPT SELECT id FROM gone)
            LIMIT 10001
        );
    END CASE;
    IF cardinality(ids) > 10000 THEN
        INSERT INTO clickstats_changes DEFAULT VALUES;
    ELSE
        INSERT INTO clickstats_changes (job_id) SELECT id FROM unnest(ids) AS id WHERE id IS NOT NULL;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION clickstats_capture_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO clickstats_changes DEFAULT VALUES;
    RETURN NULL;
END
$$;

-- they write with their owner's rights: nobody else is to make triggers of them
REVOKE EXECUTE ON FUNCTION
    clickstats_capture_clicks(), clickstats_capture_links(), clickstats_capture_applications(),
    clickstats_capture_jobs(), clickstats_capture_truncate()
FROM PUBLIC
