-- The applications whose id begins like each of some texts, six of each at most.
--   firsts, lasts   the lowest and the highest id that begins so, as arrays
SELECT asked.number, found.id
FROM unnest(:'firsts'::uuid[], :'lasts'::uuid[]) WITH ORDINALITY AS asked (first, last, number)
CROSS JOIN LATERAL (
    SELECT DISTINCT a.id
    FROM job_applications AS a
    WHERE a.id BETWEEN asked.first AND asked.last
    ORDER BY a.id
    LIMIT 6
) AS found
ORDER BY asked.number, found.id
