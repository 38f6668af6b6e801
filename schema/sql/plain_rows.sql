-- The stored rows that can be read as what a run writes. Another program may have stored what no run
-- writes: NaN, endless intervals, negative counts, arrays of another form. A null passes. Stands in
-- place of the table in the statements that read its rows (pipeline/answers/stored_rows.py).
SELECT *
FROM link_click_analytics
WHERE
    -- as a test for null, since of that the planner expects that nearly every row passes
    nullif((
        time_to_first_click BETWEEN '-200 years' AND '200 years'
        AND time_between_first_last_click BETWEEN '-200 years' AND '200 years'
        -- NaN is larger than every number
        AND hours_to_first_click BETWEEN -99999999.99 AND 99999999.99
        AND hours_between_first_last_click BETWEEN -99999999.99 AND 99999999.99
        AND engagement_velocity BETWEEN 0 AND 999999.9999
        AND unique_functions_clicked BETWEEN 0 AND 2147483647
        AND total_click_events BETWEEN 0 AND 2147483647
        AND peak_click_hour BETWEEN 0 AND 23
        AND engagement_score BETWEEN 0 AND 100
        AND intent_score BETWEEN 0 AND 100
        AND CASE
            WHEN array_ndims(click_days_of_week) = 1
                THEN
                    array_lower(click_days_of_week, 1) = 1
                    AND click_days_of_week <@ '{0,1,2,3,4,5,6}'
            ELSE cardinality(click_days_of_week) = 0
        END
        AND CASE
            WHEN array_ndims(click_sequence) = 1
                THEN
                    array_lower(click_sequence, 1) = 1
                    AND array_position(click_sequence, NULL) IS NULL
            ELSE cardinality(click_sequence) = 0
        END
    ) IS NOT FALSE, false) IS NOT NULL
