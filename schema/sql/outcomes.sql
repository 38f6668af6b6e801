-- What became of each application, one row each, in no order. What stands for job_applications, with
-- its times in UTC, says pipeline/source_columns.py.
--   reached        how far it came: 3 an offer, 2 an interview, 1 a response, 0 none of them
--   responded_at   null when it is null, infinite or outside the years 1970 to 2099
-- In psql: \set offer '{offer}'  \set interview '{interview}'  \set response '{responded}'
SELECT
    id AS application_id,
    CASE
        WHEN application_status::text COLLATE "C" = ANY (:'offer'::text[]) THEN 3
        WHEN application_status::text COLLATE "C" = ANY (:'interview'::text[]) THEN 2
        WHEN application_status::text COLLATE "C" = ANY (:'response'::text[]) THEN 1
        ELSE 0
    END AS reached,
    CASE
        WHEN
            first_response_received_at >= timestamp '1970-01-01'
            AND first_response_received_at < timestamp '2100-01-01'
            THEN first_response_received_at::timestamp
    END AS responded_at
FROM job_applications
