-- The month close: lines, counter-lines, movement, and the digest of an issued statement.
--
-- `month` and `ends` bound the closed month; `organisations` are the departments whose statement of it is
-- open. For corrections `starts` and `until` bound the earlier month that is rated again, on some
-- `resources`. The tables `closing_...` are temporary and end with the transaction.

-- name: usage_of_month
usage AS NOT MATERIALIZED (
    SELECT resource_id AS resource, organisation_code AS department, sku_code AS sku, spec_arch AS arch,
           quantity, billing_state AS state, spec_vcpu AS vcpu, spec_memory_gb AS memory_gb,
           greatest(lower(days), CAST(:month AS date)) AS starts,
           least(coalesce(upper(days), 'infinity'), CAST(:ends AS date)) AS ends, run_id AS run
    FROM usage_intervals
    WHERE days && daterange(CAST(:month AS date), CAST(:ends AS date))
      AND organisation_code = ANY(CAST(:organisations AS text[]))
)

-- name: usage_of_late_month
usage AS NOT MATERIALIZED (
    SELECT resource_id AS resource, organisation_code AS department, sku_code AS sku, spec_arch AS arch,
           quantity, billing_state AS state, spec_vcpu AS vcpu, spec_memory_gb AS memory_gb,
           greatest(lower(days), CAST(:starts AS date)) AS starts,
           least(coalesce(upper(days), 'infinity'), CAST(:until AS date)) AS ends, run_id AS run
    FROM usage_intervals
    WHERE days && daterange(CAST(:starts AS date), CAST(:until AS date))
      AND organisation_code = ANY(CAST(:organisations AS text[])) AND resource_id = ANY(CAST(:resources AS uuid[]))
)

-- name: pairs_of_month
-- The same as `pairs`, without reading all usage a second time.
pairs AS (
    SELECT department, sku, arch, lo, hi FROM closing_use
    WHERE lo IS NOT NULL AND department = ANY(CAST(:organisations AS text[]))
)

-- name: kept_terms
terms AS NOT MATERIALIZED (SELECT * FROM closing_terms)

-- name: kept_divided
divided AS NOT MATERIALIZED (SELECT resource FROM closing_divided)

-- name: keep_use
-- Who uses which SKU, since when, on which days of the month, and how much of it begins in the month or was
-- there before: one pass over all usage.
CREATE TEMP TABLE closing_use ON COMMIT DROP AS
    SELECT organisation_code AS department, sku_code AS sku, spec_arch AS arch, min(starts) AS first,
           min(greatest(starts, CAST(:month AS date))) FILTER (WHERE within) AS lo,
           max(least(ends, CAST(:ends AS date))) FILTER (WHERE within) AS hi,
           count(*) FILTER (WHERE within) AS intervals,
           sum(quantity) FILTER (WHERE within AND starts >= CAST(:month AS date)) AS begun,
           sum(quantity) FILTER (WHERE within AND starts < CAST(:month AS date)) AS continued
    FROM (SELECT *, starts < CAST(:ends AS date) AND ends > CAST(:month AS date) AS within
          FROM (SELECT organisation_code, sku_code, spec_arch, quantity, lower(days) AS starts,
                       coalesce(upper(days), 'infinity') AS ends
                FROM usage_intervals) AS i) AS i
    GROUP BY organisation_code, sku_code, spec_arch

-- name: keep_statements
-- The open statements of the month, each with the statement before it.
CREATE TEMP TABLE closing_statements ON COMMIT DROP AS
SELECT s.id, s.organisation_code AS department, p.id AS previous_id, p.month AS previous_month, p.event_seq
FROM usage_statements s
LEFT JOIN LATERAL (
    SELECT id, month, coalesce(event_seq, 0) AS event_seq FROM usage_statements p
    WHERE p.organisation_code = s.organisation_code AND p.month < s.month AND p.status <> 'upheld'
    ORDER BY p.month DESC LIMIT 1) AS p ON true
WHERE s.month = CAST(:month AS date) AND s.status = 'open'

-- name: keep_late
-- Resources about whose days before the month an event was recorded after the statement before. `after` is
-- the lowest of the numbers up to which those statements know the events; none if there are none.
CREATE TEMP TABLE closing_late ON COMMIT DROP AS
SELECT DISTINCT o.id AS statement_id, o.previous_id, o.previous_month, e.resource_id
FROM usage_events e
JOIN metered_resources m ON m.resource_id = e.resource_id
JOIN closing_statements o ON o.department = m.organisation_code AND e.seq > o.event_seq
WHERE e.seq > CAST(:after AS bigint) AND e.day < CAST(:month AS date)

-- name: keep_ended
-- Quantities that end on a day of the month: of usage, and, for late resources, of the statement before.
CREATE TEMP TABLE closing_ended ON COMMIT DROP AS
SELECT o.id AS statement_id, i.resource_id, i.sku_code, i.quantity, upper(i.days) AS day
FROM usage_intervals i JOIN closing_statements o ON o.department = i.organisation_code
WHERE upper(i.days) >= CAST(:month AS date) AND upper(i.days) < CAST(:ends AS date)
  AND (upper(i.days) > CAST(:month AS date)
       OR o.previous_id IS NOT NULL AND i.resource_id NOT IN (SELECT resource_id FROM closing_late))
UNION ALL
SELECT late.statement_id, l.resource_id, l.sku_code, l.quantity, CAST(:month AS date)
FROM statement_lines l
JOIN closing_late late ON late.previous_id = l.statement_id AND late.resource_id = l.resource_id
WHERE l.statement_id = ANY(ARRAY(SELECT previous_id FROM closing_late))
  AND l.kind = 'ordinary' AND l.ends = late.previous_month + interval '1 month'

-- name: intervals
-- How many intervals each department has in the month.
SELECT department, sum(intervals)::bigint FROM closing_use
WHERE department = ANY(CAST(:organisations AS text[])) GROUP BY department ORDER BY department

-- name: keep_terms
-- The few terms of the month, computed once. Analysed, they let the planner choose a small hash table.
CREATE TEMP TABLE closing_terms ON COMMIT DROP AS
-- with: usage_of_month, prices_stored, skus_stored, discounts_stored, splits_stored, pairs_of_month, terms
SELECT * FROM terms

-- name: keep_divided
-- The same as `divided`, without reading all usage once more.
CREATE TEMP TABLE closing_divided ON COMMIT DROP AS
-- with: usage_of_month, kept_terms, divided_by_terms
SELECT resource_id AS resource FROM closing_ended
UNION
SELECT resource FROM divided_by_terms

-- name: flaws_of_month
-- with: usage_of_month, kept_terms, flaws
SELECT * FROM flaws

-- name: flaws_of_late_month
-- with: usage_of_late_month, prices_stored, skus_stored, discounts_stored, splits_stored, pairs, terms, flaws
SELECT * FROM flaws

-- name: placed
-- Runs in the order of the lines: by department, SKU, architecture, resource and day. Resources have random
-- numbers, so their order says nothing; it is that of a hash, because one integer is sorted far faster than a
-- pair and a UUID.
placed AS (
    SELECT *, row_number() OVER (
        ORDER BY (pair << 48) + (uuid_hash_extended(resource, 0) & 281474976710655), resource, starts) AS place
    FROM runs
)

-- name: write_lines
-- with: usage_of_month, kept_terms, kept_divided, runs, placed, amounts
INSERT INTO statement_lines (
    statement_id, position, kind, month, resource_id, sku_code, quantity, billing_state,
    catalogue_code, price_fen, percent, vcpu, memory_gb, discount, starts, ends, month_days, amount_fen,
    payers, shares_fen, run_id)
SELECT s.id, r.place, 'ordinary', r.month, r.resource, r.sku, r.quantity, r.state, r.catalogue,
       r.price_fen::bigint, r.percent::int,
       r.vcpu, r.memory_gb, r.discount, r.starts, r.ends, r.month_days, r.amount_fen, r.payers, r.shares_fen,
       r.run
FROM rated r
JOIN usage_statements s ON s.organisation_code = r.department AND s.month = :month AND s.status = 'open'

-- name: late
-- Final months of a department, with the resources about which an event was recorded since then that no later
-- statement has considered. What a statement considered before it was opened again does not count.
late AS (
    SELECT s.organisation_code, s.month, array_agg(DISTINCT e.resource_id) AS resources
    FROM usage_statements s
    JOIN metered_resources m ON m.organisation_code = s.organisation_code
    JOIN usage_events e ON e.resource_id = m.resource_id AND e.day < s.month + interval '1 month'
    WHERE s.status IN ('confirmed', 'settled', 'locked') AND s.month < CAST(:month AS date)
      AND e.seq > greatest(s.event_seq, (
          SELECT max(c.event_seq) FROM considered_corrections c JOIN usage_statements k ON k.id = c.statement_id
          WHERE k.organisation_code = s.organisation_code AND c.month = s.month
            AND k.status NOT IN ('open', 'upheld')))
    GROUP BY s.organisation_code, s.month
)

-- name: late_months
-- with: late
SELECT organisation_code, month, resources FROM late ORDER BY month, organisation_code

-- name: departments_without_statement
-- Departments that need a statement of the month and have none.
-- with: late
SELECT o.organisation_code FROM (
    SELECT department AS organisation_code FROM closing_use WHERE lo IS NOT NULL
    UNION
    SELECT s.organisation_code FROM usage_statements s JOIN sku_movements m ON m.statement_id = s.id
    WHERE s.status <> 'upheld' AND m.closing > 0
      AND s.month = (SELECT max(p.month) FROM usage_statements p
                     WHERE p.organisation_code = s.organisation_code AND p.month < CAST(:month AS date))
    UNION
    SELECT organisation_code FROM late
) AS o
WHERE NOT EXISTS (SELECT FROM usage_statements s WHERE s.organisation_code = o.organisation_code
                  AND s.month = CAST(:month AS date) AND s.status <> 'upheld')
ORDER BY o.organisation_code

-- name: first_month_without_statement
-- The first earlier month in which a department used something that is on no metered statement.
SELECT g.month::date, o.organisation_code
FROM (SELECT department AS organisation_code, min(first) AS first FROM closing_use GROUP BY 1) AS o
CROSS JOIN LATERAL generate_series(
    date_trunc('month', o.first::timestamp), CAST(:month AS date) - interval '1 month', interval '1 month'
) AS g(month)
WHERE NOT EXISTS (SELECT FROM usage_statements s WHERE s.organisation_code = o.organisation_code
                  AND s.month = g.month AND s.status NOT IN ('open', 'upheld'))
  AND (SELECT true FROM usage_intervals i WHERE i.organisation_code = o.organisation_code
         AND i.days && daterange(g.month::date, (g.month + interval '1 month')::date) LIMIT 1)
ORDER BY g.month, o.organisation_code LIMIT 1

-- name: stale
-- Metered statements of the month about which an event was recorded since.
SELECT s.id FROM usage_statements s
WHERE s.month = CAST(:month AS date) AND s.status = 'metered' AND EXISTS (
    SELECT FROM usage_events e JOIN metered_resources m ON m.resource_id = e.resource_id
    WHERE m.organisation_code = s.organisation_code AND e.seq > s.event_seq
      AND e.day < CAST(:ends AS date))

-- name: write_corrections
-- with: usage_of_late_month, prices_stored, skus_stored, discounts_stored, splits_stored, pairs, terms, divided_by_terms, divided, runs, unplaced, amounts, corrected
INSERT INTO statement_lines (
    statement_id, position, kind, month, resource_id, sku_code, quantity, billing_state,
    catalogue_code, price_fen, percent, vcpu, memory_gb, discount, starts, ends, month_days, amount_fen,
    payers, shares_fen, run_id, reverses_statement_id, reverses_position)
SELECT s.id, coalesce((SELECT max(position) FROM statement_lines l WHERE l.statement_id = s.id), 0)
             + row_number() OVER (ORDER BY c.resource_id, c.sku_code, c.starts, c.kind), c.*
FROM corrected c
JOIN usage_statements s ON s.organisation_code = ANY(CAST(:organisations AS text[]))
                       AND s.month = CAST(:month AS date) AND s.status = 'open'

-- name: corrected
-- Counter-lines for lines of an earlier month that are no longer true, and right lines for what is true and
-- not stated. A line with a counter-line is no longer valid.
stated AS (
    SELECT l.* FROM usage_statements s
    JOIN statement_lines l ON l.statement_id = s.id AND (
        l.kind = 'ordinary' AND s.month = CAST(:starts AS date)
        OR l.kind = 'right' AND l.month = CAST(:starts AS date))
    WHERE s.organisation_code = ANY(CAST(:organisations AS text[])) AND s.status NOT IN ('open', 'upheld')
      AND s.month < CAST(:month AS date) AND l.resource_id = ANY(CAST(:resources AS uuid[]))
), valid AS (
    SELECT v.* FROM stated v WHERE NOT EXISTS (
        SELECT FROM statement_lines c JOIN usage_statements k ON k.id = c.statement_id
        WHERE c.kind = 'counter' AND c.month = CAST(:starts AS date) AND k.status NOT IN ('open', 'upheld')
          AND (c.reverses_statement_id, c.reverses_position) = (v.statement_id, v.position))
), corrected AS (
    SELECT 'counter' AS kind, v.month, v.resource_id, v.sku_code, v.quantity, v.billing_state,
           v.catalogue_code, v.price_fen, v.percent, v.vcpu, v.memory_gb, v.discount, v.starts,
           v.ends, v.month_days, -v.amount_fen AS amount_fen, v.payers::text[],
           ARRAY(SELECT -share FROM unnest(v.shares_fen) WITH ORDINALITY AS u(share, place) ORDER BY place)
               AS shares_fen,
           v.run_id, v.statement_id AS reverses_statement_id, v.position AS reverses_position
    FROM valid v
    WHERE NOT EXISTS (SELECT FROM rated r WHERE
        (r.resource, r.sku, r.starts, r.ends, r.quantity, r.state, r.catalogue, r.price_fen::bigint,
         r.percent::int, r.vcpu, r.memory_gb, r.discount, r.payers, r.shares_fen, r.amount_fen)
        IS NOT DISTINCT FROM
        (v.resource_id, v.sku_code, v.starts, v.ends, v.quantity, v.billing_state, v.catalogue_code,
         v.price_fen, v.percent, v.vcpu, v.memory_gb, v.discount, v.payers::text[],
         v.shares_fen, v.amount_fen))
    UNION ALL
    SELECT 'right', r.month, r.resource, r.sku, r.quantity, r.state, r.catalogue,
       r.price_fen::bigint, r.percent::int,
           r.vcpu, r.memory_gb, r.discount, r.starts, r.ends, r.month_days, r.amount_fen, r.payers, r.shares_fen,
           r.run, NULL, NULL
    FROM rated r WHERE NOT EXISTS (SELECT FROM valid v WHERE
        (r.resource, r.sku, r.starts, r.ends, r.quantity, r.state, r.catalogue, r.price_fen::bigint,
         r.percent::int, r.vcpu, r.memory_gb, r.discount, r.payers, r.shares_fen, r.amount_fen)
        IS NOT DISTINCT FROM
        (v.resource_id, v.sku_code, v.starts, v.ends, v.quantity, v.billing_state, v.catalogue_code,
         v.price_fen, v.percent, v.vcpu, v.memory_gb, v.discount, v.payers::text[],
         v.shares_fen, v.amount_fen))
)

-- name: keep_sums
-- What the open statements say of every SKU: one pass over their lines.
CREATE TEMP TABLE closing_sums ON COMMIT DROP AS
    SELECT statement_id, sku_code, count(*) AS line_count, sum(amount_fen) AS total_fen,
           sum(quantity) FILTER (WHERE kind = 'ordinary' AND ends = CAST(:ends AS date)) AS closing
    FROM statement_lines
    WHERE statement_id = ANY(ARRAY(
        SELECT id FROM usage_statements WHERE month = CAST(:month AS date) AND status = 'open'))
    GROUP BY statement_id, sku_code

-- name: write_movement
-- The movement of every SKU: quantities that begin on a day of the month, less quantities that end on one. If
-- on one day a quantity of a resource ends and another begins, their difference counts alone. Usage that was
-- there before the month is an increase only if no statement has it: there is none before, or it became known
-- late.
WITH lasting AS (
    SELECT code FROM skus WHERE billing <> 'one_off'
), replaced AS (
    SELECT e.statement_id, e.sku_code, least(e.quantity, i.quantity) AS quantity
    FROM closing_ended e
    JOIN usage_intervals i ON i.resource_id = e.resource_id AND i.sku_code = e.sku_code AND i.days @> e.day
), changes AS (
    SELECT statement_id, sku_code, sum(increase) AS increases, sum(decrease) AS decreases
    FROM (SELECT o.id AS statement_id, u.sku AS sku_code,
                 coalesce(u.begun, 0) + CASE WHEN o.previous_id IS NULL THEN coalesce(u.continued, 0) ELSE 0 END
                     AS increase, 0 AS decrease
          FROM closing_use u JOIN closing_statements o ON o.department = u.department
          WHERE u.lo IS NOT NULL
          UNION ALL
          SELECT late.statement_id, i.sku_code, i.quantity, 0
          FROM closing_late late JOIN usage_intervals i ON i.resource_id = late.resource_id
          WHERE i.days @> CAST(:month AS date) AND lower(i.days) < CAST(:month AS date)
          UNION ALL SELECT statement_id, sku_code, 0, quantity FROM closing_ended
          UNION ALL SELECT statement_id, sku_code, -quantity, -quantity FROM replaced) AS edges
    JOIN lasting ON lasting.code = edges.sku_code
    GROUP BY statement_id, sku_code
), closings AS (
    SELECT a.statement_id, a.sku_code, a.closing
    FROM closing_sums a JOIN lasting ON lasting.code = a.sku_code WHERE a.closing IS NOT NULL
), openings AS (
    SELECT o.id AS statement_id, m.sku_code, m.closing AS opening
    FROM closing_statements o JOIN sku_movements m ON m.statement_id = o.previous_id WHERE m.closing > 0
)
INSERT INTO sku_movements (statement_id, sku_code, opening, increases, decreases, closing)
SELECT statement_id, sku_code, coalesce(opening, 0), coalesce(increases, 0), coalesce(decreases, 0),
       coalesce(closing, 0)
FROM openings
FULL JOIN changes USING (statement_id, sku_code)
FULL JOIN closings USING (statement_id, sku_code)

-- name: totals
SELECT s.id, coalesce(sum(a.line_count), 0)::int, coalesce(sum(a.total_fen), 0)::bigint
FROM usage_statements s LEFT JOIN closing_sums a ON a.statement_id = s.id
WHERE s.month = CAST(:month AS date) AND s.status = 'open' GROUP BY s.id

-- name: digest
-- SHA-256 over the statement as text: every figure of every line in order, then the movement.
SELECT encode(sha256(convert_to(concat_ws(E'\n',
    concat_ws('|', s.organisation_code, s.month, s.revision, CAST(:number AS text),
        CAST(:issued_on AS date), s.line_count, s.total_fen),
    (SELECT string_agg(concat_ws('|', l.kind, l.month, l.resource_id, l.sku_code, trim_scale(l.quantity),
            l.billing_state, l.catalogue_code, coalesce(l.price_fen::text, '-'),
            coalesce(l.percent::text, '-'), coalesce(l.vcpu::text, '-'), coalesce(l.memory_gb::text, '-'),
            trim_scale(l.discount), l.starts,
            l.ends, l.month_days, l.amount_fen, l.payers, l.shares_fen, l.run_id,
            coalesce(l.reverses_statement_id::text, '-')), E'\n' ORDER BY l.position)
     FROM statement_lines l WHERE l.statement_id = s.id),
    (SELECT string_agg(concat_ws('|', m.sku_code, trim_scale(m.opening), trim_scale(m.increases),
            trim_scale(m.decreases), trim_scale(m.closing)), E'\n' ORDER BY m.sku_code COLLATE "C")
     FROM sku_movements m WHERE m.statement_id = s.id)
), 'UTF8')), 'hex') FROM usage_statements s WHERE s.id = :statement
