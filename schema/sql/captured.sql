-- What change capture has told of so far.
--   numbers      of its rows, as one text: there may be millions
--   instants     of the same rows
--   tracking_ids their bytes, since not every text is the same again after it was sent in UTF-8
--   everything   whether something changed that is not told apart
SELECT
    coalesce(array_agg(number), '{}')::text AS numbers,
    coalesce(array_agg(changed_at), '{}')::text AS instants,
    coalesce(
        array_agg(DISTINCT convert_to(tracking_id, current_setting('server_encoding')))
        FILTER (WHERE tracking_id IS NOT NULL), '{}'
    ) AS tracking_ids,
    coalesce(
        array_agg(DISTINCT application_id::text) FILTER (WHERE application_id IS NOT NULL), '{}'
    ) AS application_ids,
    coalesce(array_agg(DISTINCT job_id::text) FILTER (WHERE job_id IS NOT NULL), '{}') AS job_ids,
    coalesce(bool_or(coalesce(tracking_id, application_id::text, job_id::text) IS NULL), false)
        AS everything
FROM clickstats_changes
