-- The check that stored intervals are what the events say (invariant 4), written apart from `fold`.
--
-- The exclusion constraint keeps the days of a resource and SKU from overlapping. Both statements compare their
-- union with the days on which the events say it is billed. One-off charges are left out: each is its own event.
-- Only resources with an event after the number `after` are compared.

-- name: first_gap
WITH changed AS (
    SELECT DISTINCT resource_id FROM usage_events WHERE seq > :after
), numbered AS (
    SELECT e.*, row_number() OVER (PARTITION BY e.resource_id ORDER BY e.day, e.at, e.seq) AS place
    FROM changed c CROSS JOIN LATERAL (
        SELECT * FROM usage_events WHERE resource_id = c.resource_id AND kind <> 'charged' ) AS e
), latest AS (
    SELECT *, max(place) FILTER (WHERE billing_state IS NOT NULL) OVER so_far AS state_from,
           max(place) FILTER (WHERE skus IS NOT NULL) OVER so_far AS skus_from,
           lead(day) OVER (PARTITION BY resource_id ORDER BY place) AS next_day
    FROM numbered
    WINDOW so_far AS (PARTITION BY resource_id ORDER BY place)
), spans AS (
    SELECT t.resource_id, t.day AS starts, t.next_day AS ends, s.billing_state, k.skus
    FROM latest t
    JOIN numbered s ON s.resource_id = t.resource_id AND s.place = t.state_from
    JOIN numbered k ON k.resource_id = t.resource_id AND k.place = t.skus_from
    WHERE t.next_day IS DISTINCT FROM t.day AND s.billing_state <> 'none'
), expected AS (
    SELECT s.resource_id, u.sku, u.quantity, s.billing_state, range_agg(daterange(s.starts, s.ends)) AS days
    FROM spans s, jsonb_to_recordset(s.skus) AS u(sku text, quantity numeric)
    WHERE u.quantity > 0
    GROUP BY s.resource_id, u.sku, u.quantity, s.billing_state
), stored AS (
    SELECT i.resource_id, i.sku_code AS sku, i.quantity, i.billing_state, range_agg(i.days) AS days
    FROM changed c
    CROSS JOIN LATERAL (SELECT * FROM usage_intervals WHERE resource_id = c.resource_id ) AS i
    CROSS JOIN LATERAL (SELECT kind FROM usage_events WHERE seq = i.event_seq ) AS e
    WHERE e.kind <> 'charged'
    GROUP BY i.resource_id, i.sku_code, i.quantity, i.billing_state
)
SELECT resource_id, sku,
       lower(coalesce(w.days, '{}') - coalesce(s.days, '{}')
             + (coalesce(s.days, '{}') - coalesce(w.days, '{}'))) AS day
FROM expected w FULL JOIN stored s USING (resource_id, sku, quantity, billing_state)
WHERE w.days IS DISTINCT FROM s.days
ORDER BY day, sku, resource_id LIMIT 1

-- name: first_gap_of_few
-- For few resources: OFFSET 0 makes the planner look them up by index, instead of joining all usage.
WITH changed AS (
    SELECT DISTINCT resource_id FROM usage_events WHERE seq > :after
), numbered AS (
    SELECT e.*, row_number() OVER (PARTITION BY e.resource_id ORDER BY e.day, e.at, e.seq) AS place
    FROM changed c CROSS JOIN LATERAL (
        SELECT * FROM usage_events WHERE resource_id = c.resource_id AND kind <> 'charged' OFFSET 0) AS e
), latest AS (
    SELECT *, max(place) FILTER (WHERE billing_state IS NOT NULL) OVER so_far AS state_from,
           max(place) FILTER (WHERE skus IS NOT NULL) OVER so_far AS skus_from,
           lead(day) OVER (PARTITION BY resource_id ORDER BY place) AS next_day
    FROM numbered
    WINDOW so_far AS (PARTITION BY resource_id ORDER BY place)
), spans AS (
    SELECT t.resource_id, t.day AS starts, t.next_day AS ends, s.billing_state, k.skus
    FROM latest t
    JOIN numbered s ON s.resource_id = t.resource_id AND s.place = t.state_from
    JOIN numbered k ON k.resource_id = t.resource_id AND k.place = t.skus_from
    WHERE t.next_day IS DISTINCT FROM t.day AND s.billing_state <> 'none'
), expected AS (
    SELECT s.resource_id, u.sku, u.quantity, s.billing_state, range_agg(daterange(s.starts, s.ends)) AS days
    FROM spans s, jsonb_to_recordset(s.skus) AS u(sku text, quantity numeric)
    WHERE u.quantity > 0
    GROUP BY s.resource_id, u.sku, u.quantity, s.billing_state
), stored AS (
    SELECT i.resource_id, i.sku_code AS sku, i.quantity, i.billing_state, range_agg(i.days) AS days
    FROM changed c
    CROSS JOIN LATERAL (SELECT * FROM usage_intervals WHERE resource_id = c.resource_id OFFSET 0) AS i
    CROSS JOIN LATERAL (SELECT kind FROM usage_events WHERE seq = i.event_seq OFFSET 0) AS e
    WHERE e.kind <> 'charged'
    GROUP BY i.resource_id, i.sku_code, i.quantity, i.billing_state
)
SELECT resource_id, sku,
       lower(coalesce(w.days, '{}') - coalesce(s.days, '{}')
             + (coalesce(s.days, '{}') - coalesce(w.days, '{}'))) AS day
FROM expected w FULL JOIN stored s USING (resource_id, sku, quantity, billing_state)
WHERE w.days IS DISTINCT FROM s.days
ORDER BY day, sku, resource_id LIMIT 1
