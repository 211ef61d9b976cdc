"""The check that intervals are what the events say, as SQL of its own: it shares nothing with `fold`.

Invariant 4: the days of a resource and SKU do not overlap (the exclusion constraint) and are, together,
exactly those on which the events say it is billed (this). Charges that are paid once are left out: each
is its event.

Only resources with a new event are looked at. The planner does not know how many they are: for a few,
OFFSET 0 leaves it no way but the index; without it, what is LATERAL is joined as a whole.
"""
# ruff: noqa: S608 - every part is a constant of this file.

FEW = 20_000


def _gaps(fence: str) -> str:
    return f"""WITH changed AS (
    SELECT DISTINCT resource_id FROM usage_events WHERE seq > :after
), numbered AS (
    SELECT e.*, row_number() OVER (PARTITION BY e.resource_id ORDER BY e.day, e.at, e.seq) AS place
    FROM changed c CROSS JOIN LATERAL (
        SELECT * FROM usage_events WHERE resource_id = c.resource_id AND kind <> 'charged' {fence}) AS e
), told AS (
    SELECT *, max(place) FILTER (WHERE billing_state IS NOT NULL) OVER so_far AS state_from,
           max(place) FILTER (WHERE skus IS NOT NULL) OVER so_far AS skus_from,
           lead(day) OVER (PARTITION BY resource_id ORDER BY place) AS next_day
    FROM numbered
    WINDOW so_far AS (PARTITION BY resource_id ORDER BY place)
), spans AS (
    SELECT t.resource_id, t.day AS starts, t.next_day AS ends, s.billing_state, k.skus
    FROM told t
    JOIN numbered s ON s.resource_id = t.resource_id AND s.place = t.state_from
    JOIN numbered k ON k.resource_id = t.resource_id AND k.place = t.skus_from
    WHERE t.next_day IS DISTINCT FROM t.day AND s.billing_state <> 'none'
), wanted AS (
    SELECT s.resource_id, u.sku, u.quantity, s.billing_state, range_agg(daterange(s.starts, s.ends)) AS days
    FROM spans s, jsonb_to_recordset(s.skus) AS u(sku text, quantity numeric)
    WHERE u.quantity > 0
    GROUP BY s.resource_id, u.sku, u.quantity, s.billing_state
), stored AS (
    SELECT i.resource_id, i.sku_code AS sku, i.quantity, i.billing_state, range_agg(i.days) AS days
    FROM changed c
    CROSS JOIN LATERAL (SELECT * FROM usage_intervals WHERE resource_id = c.resource_id {fence}) AS i
    CROSS JOIN LATERAL (SELECT kind FROM usage_events WHERE seq = i.event_seq {fence}) AS e
    WHERE e.kind <> 'charged'
    GROUP BY i.resource_id, i.sku_code, i.quantity, i.billing_state
)
SELECT resource_id, sku,
       lower(coalesce(w.days, '{{}}') - coalesce(s.days, '{{}}')
             + (coalesce(s.days, '{{}}') - coalesce(w.days, '{{}}'))) AS day
FROM wanted w FULL JOIN stored s USING (resource_id, sku, quantity, billing_state)
WHERE w.days IS DISTINCT FROM s.days
ORDER BY day, sku, resource_id LIMIT 1"""


GAPS = _gaps("")
GAPS_OF_FEW = _gaps("OFFSET 0")
