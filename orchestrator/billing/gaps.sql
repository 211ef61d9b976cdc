-- The check that stored intervals are what the events say (invariant 4), written apart from `fold`.
--
-- The exclusion constraint keeps the days of a resource and SKU from overlapping. `first_gap` compares their
-- union with the days on which the events say it is billed. One-off charges are left out: each is its own
-- event. Only resources with an event after the number `after` are compared.

-- name: changed_resources
-- Resources with an event after the number `after`, except those whose only event opened them.
CREATE TEMP TABLE changed_resources ON COMMIT DROP AS
SELECT resource_id FROM usage_events
WHERE seq > :after AND (kind <> 'opened' OR billing_state IS NULL OR skus IS NULL)
UNION
SELECT e.resource_id FROM usage_events e
WHERE e.seq > :after AND EXISTS (
    SELECT FROM usage_events p WHERE p.resource_id = e.resource_id AND p.seq <= :after)

-- name: opened_as_stored
-- Whether the intervals of all other resources are what their opening says: every interval is of a SKU in it,
-- and there are as many intervals as SKUs. This costs a fraction of `first_gap`, which finds the day.
WITH opened AS NOT MATERIALIZED (
    SELECT resource_id, day, billing_state, skus FROM usage_events
    WHERE seq > :after AND resource_id NOT IN (SELECT resource_id FROM changed_resources)
)
SELECT count(*) = (SELECT count(*) FROM opened o, jsonb_to_recordset(o.skus) AS u(sku text, quantity numeric)
                   WHERE o.billing_state <> 'none' AND u.quantity > 0)
       AND count(*) = count(*) FILTER (WHERE said AND lower(i.days) = o.day AND upper_inf(i.days)
                                       AND i.billing_state = o.billing_state)
FROM opened o
JOIN usage_intervals i ON i.resource_id = o.resource_id
LEFT JOIN LATERAL (
    SELECT true AS said FROM jsonb_to_recordset(o.skus) AS u(sku text, quantity numeric)
    WHERE u.sku = i.sku_code AND u.quantity = i.quantity LIMIT 1) AS u ON true

-- name: add_opened_resources
INSERT INTO changed_resources
SELECT DISTINCT resource_id FROM usage_events
WHERE seq > :after AND resource_id NOT IN (SELECT resource_id FROM changed_resources)

-- name: first_gap
-- The first day on which a resource and SKU are billed otherwise than the events say.
WITH numbered AS (
    SELECT e.resource_id, e.day, e.billing_state, e.skus, row_number() OVER so_far AS place,
           count(e.billing_state) OVER so_far AS states, count(e.skus) OVER so_far AS sku_lists,
           lead(e.day) OVER so_far AS next_day
    FROM changed_resources c JOIN usage_events e ON e.resource_id = c.resource_id
    WHERE e.kind <> 'charged'
    WINDOW so_far AS (PARTITION BY e.resource_id ORDER BY e.day, e.at, e.seq)
), spans AS (
    -- An event without a state or without SKUs leaves those of the event before it.
    SELECT resource_id, day AS starts, next_day AS ends,
           first_value(billing_state) OVER (PARTITION BY resource_id, states ORDER BY place) AS billing_state,
           first_value(skus) OVER (PARTITION BY resource_id, sku_lists ORDER BY place) AS skus
    FROM numbered
), expected AS (
    SELECT s.resource_id, u.sku, u.quantity, s.billing_state, range_agg(daterange(s.starts, s.ends)) AS days
    FROM spans s, jsonb_to_recordset(s.skus) AS u(sku text, quantity numeric)
    WHERE s.ends IS DISTINCT FROM s.starts AND s.billing_state <> 'none' AND u.quantity > 0
    GROUP BY s.resource_id, u.sku, u.quantity, s.billing_state
), stored AS (
    SELECT i.resource_id, i.sku_code AS sku, i.quantity, i.billing_state, range_agg(i.days) AS days
    FROM changed_resources c
    JOIN usage_intervals i ON i.resource_id = c.resource_id
    JOIN usage_events e ON e.seq = i.event_seq
    WHERE e.kind <> 'charged'
    GROUP BY i.resource_id, i.sku_code, i.quantity, i.billing_state
)
SELECT resource_id, sku,
       lower(coalesce(w.days, '{}') - coalesce(s.days, '{}')
             + (coalesce(s.days, '{}') - coalesce(w.days, '{}'))) AS day
FROM expected w FULL JOIN stored s USING (resource_id, sku, quantity, billing_state)
WHERE w.days IS DISTINCT FROM s.days
ORDER BY day, sku, resource_id LIMIT 1
