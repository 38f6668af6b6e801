-- How many seconds the local time of a zone is ahead of UTC, as the server's time zone data have it,
-- each day from one instant to another (UTC).
SELECT
    instant,
    extract(EPOCH FROM (instant AT TIME ZONE 'UTC' AT TIME ZONE :'timezone') - instant)::bigint AS seconds
FROM generate_series(:'first'::timestamp, :'last'::timestamp + interval '1 day', interval '1 day') AS instant
ORDER BY instant
