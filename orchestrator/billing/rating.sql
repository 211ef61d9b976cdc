-- The rater: from usage, prices and terms to lines, in one pass over sets (domain §2.9).
--
-- Quote, plan cost, bill and what-if are computed by the same text over six relations with fixed columns.
-- Each relation is either read from tables (`..._stored`) or from JSON documents (`..._given`):
--
--     usage(resource, department, sku, arch, quantity, state, vcpu, memory_gb, starts, ends, run)
--     prices(sku, catalogue, price_fen, percent, suspended_percent, tiers, starts, ends)
--     kinds(sku, billing, counts, arch, payer)
--     discounts(department, sku, percent, starts, ends)
--     splits(department, sku, payers, percents, starts, ends)
--     pairs(department, sku, arch, lo, hi)

-- name: usage_given
-- `arch` is '' unless the SKU is a percentage of a spec.
usage AS (
    SELECT resource, department, sku, arch, quantity, state, vcpu, memory_gb, starts, ends, NULL::uuid AS run
    FROM jsonb_to_recordset(CAST(:usage AS jsonb)) AS u(resource text, department text, sku text, arch text,
        quantity numeric, state text, vcpu numeric, memory_gb numeric, starts date, ends date)
)

-- name: prices_given
prices AS (
    SELECT sku, catalogue, price_fen, percent, suspended_percent, tiers, starts,
           coalesce(ends, 'infinity') AS ends
    FROM jsonb_to_recordset(CAST(:prices AS jsonb)) AS p(sku text, catalogue text, price_fen numeric,
        percent numeric, suspended_percent numeric, tiers jsonb, starts date, ends date)
)

-- name: prices_stored
prices AS (
    SELECT p.sku_code AS sku, c.code AS catalogue, p.price_fen::numeric AS price_fen,
           p.percent::numeric AS percent, p.suspended_percent::numeric AS suspended_percent, p.tiers,
           c.valid_from AS starts, coalesce(c.valid_to, 'infinity') AS ends
    FROM sku_prices p JOIN price_catalogues c ON c.code = p.catalogue_code
)

-- name: skus_given
kinds AS (
    SELECT * FROM jsonb_to_recordset(CAST(:skus AS jsonb))
        AS k(sku text, billing text, counts text, arch text, payer text)
)

-- name: skus_stored
kinds AS (
    SELECT code AS sku, billing, quota_class AS counts, coalesce(arch, '') AS arch, payer FROM skus
)

-- name: discounts_given
discounts AS (
    SELECT department, sku, percent, starts, coalesce(ends, 'infinity') AS ends
    FROM jsonb_to_recordset(CAST(:discounts AS jsonb))
        AS d(department text, sku text, percent numeric, starts date, ends date)
)

-- name: discounts_stored
discounts AS (
    SELECT organisation_code AS department, sku_code AS sku, percent, lower(days) AS starts,
           coalesce(upper(days), 'infinity') AS ends
    FROM billing_discounts
)

-- name: splits_given
splits AS (
    SELECT department, sku, ARRAY(SELECT jsonb_array_elements_text(payers)) AS payers,
           ARRAY(SELECT jsonb_array_elements_text(percents)::numeric) AS percents,
           starts, coalesce(ends, 'infinity') AS ends
    FROM jsonb_to_recordset(CAST(:splits AS jsonb))
        AS s(department text, sku text, payers jsonb, percents jsonb, starts date, ends date)
)

-- name: splits_stored
splits AS (
    SELECT organisation_code AS department, sku_code AS sku, payers::text[] AS payers, percents,
           lower(days) AS starts, coalesce(upper(days), 'infinity') AS ends
    FROM billing_payer_splits
)

-- name: pairs
-- Department, SKU and architecture in use, with the first day and the end of all usage.
pairs AS (
    SELECT department, sku, arch, min(starts) AS lo, max(ends) AS hi FROM usage GROUP BY department, sku, arch
)

-- name: terms
-- For each pair: spans of days within one month in which price, discount and payer split stay the same.
-- There are few rows, however much usage there is. `priced_skus` also has the vCPU and memory SKUs of the
-- architecture, on which a percentage is charged. `flaw` is set where not exactly one price applies.
bounds AS (
    SELECT date_trunc('month', min(lo)::timestamp)::date AS lo,
           (date_trunc('month', (max(hi) - 1)::timestamp) + interval '1 month')::date AS hi
    FROM pairs
), months AS (
    SELECT m::date AS starts, (m + interval '1 month')::date AS ends
    FROM bounds, generate_series(lo::timestamp, (hi - 1)::timestamp, interval '1 month') AS m
), priced_skus AS (
    SELECT department, sku, arch, sku AS priced FROM pairs
    UNION ALL
    SELECT p.department, p.sku, p.arch, part.sku
    FROM pairs p
    JOIN kinds k ON k.sku = p.sku AND k.billing = 'percent_of_spec'
    JOIN kinds part ON part.arch = p.arch AND part.counts IN ('vcpu', 'memory_gb')
                   AND part.billing = 'monthly'
), edges AS (
    SELECT department, sku, arch, starts AS day FROM pairs, months
    UNION
    SELECT s.department, s.sku, s.arch, edge.day
    FROM priced_skus s
    JOIN prices p ON p.sku = s.priced
    CROSS JOIN LATERAL (VALUES (p.starts), (p.ends)) AS edge(day)
    JOIN bounds b ON edge.day > b.lo AND edge.day < b.hi
    UNION
    SELECT s.department, s.sku, s.arch, edge.day
    FROM pairs s
    JOIN (SELECT department, sku, starts, ends FROM discounts
          UNION ALL SELECT department, sku, starts, ends FROM splits) AS t
      ON t.department = s.department AND t.sku = s.sku
    CROSS JOIN LATERAL (VALUES (t.starts), (t.ends)) AS edge(day)
    JOIN bounds b ON edge.day > b.lo AND edge.day < b.hi
), spans AS (
    SELECT department, sku, arch, day AS starts,
           coalesce(lead(day) OVER (PARTITION BY department, sku, arch ORDER BY day), b.hi) AS ends
    FROM edges, bounds b
), valued AS (
    SELECT s.department, s.sku, s.arch, s.starts, s.ends, m.starts AS month, m.ends - m.starts AS month_days,
           coalesce(k.billing, 'monthly') AS billing,
           own.catalogue, own.price_fen, own.percent, own.suspended_percent, own.tiers,
           cpu.price_fen AS cpu_fen, cpu.tiers AS cpu_tiers, ram.price_fen AS ram_fen, ram.tiers AS ram_tiers,
           coalesce(reduced.percent, 0) AS discount,
           coalesce(shared.payers, ARRAY[coalesce(k.payer, 'department')]) AS payers,
           coalesce(shared.percents, ARRAY[100::numeric]) AS percents,
           CASE
               WHEN own.matches <> 1 THEN 'price ' || own.matches || ' ' || s.sku
               WHEN k.billing = 'percent_of_spec' AND cpu.matches <> 1
                   THEN 'price ' || cpu.matches || ' ' || coalesce(cpu.sku, 'vCPU of ' || s.arch)
               WHEN k.billing = 'percent_of_spec' AND ram.matches <> 1
                   THEN 'price ' || ram.matches || ' ' || coalesce(ram.sku, 'memory of ' || s.arch)
               WHEN reduced.matches > 1 THEN 'discount ' || reduced.matches || ' ' || s.sku
               WHEN shared.matches > 1 THEN 'split ' || shared.matches || ' ' || s.sku
           END AS flaw
    FROM spans s
    JOIN months m ON m.starts <= s.starts AND s.starts < m.ends
    LEFT JOIN kinds k ON k.sku = s.sku
    CROSS JOIN LATERAL (
        SELECT count(*) AS matches, min(catalogue) AS catalogue, min(price_fen) AS price_fen,
               min(percent) AS percent, min(suspended_percent) AS suspended_percent,
               (array_agg(tiers))[1] AS tiers
        FROM prices p WHERE p.sku = s.sku AND p.starts <= s.starts AND s.starts < p.ends
    ) AS own
    CROSS JOIN LATERAL (
        SELECT count(p.sku) AS matches, min(part.sku) AS sku, min(p.price_fen) AS price_fen,
               (array_agg(p.tiers))[1] AS tiers
        FROM kinds part
        LEFT JOIN prices p ON p.sku = part.sku AND p.starts <= s.starts AND s.starts < p.ends
        WHERE k.billing = 'percent_of_spec' AND part.arch = s.arch AND part.counts = 'vcpu'
          AND part.billing = 'monthly') AS cpu
    CROSS JOIN LATERAL (
        SELECT count(p.sku) AS matches, min(part.sku) AS sku, min(p.price_fen) AS price_fen,
               (array_agg(p.tiers))[1] AS tiers
        FROM kinds part
        LEFT JOIN prices p ON p.sku = part.sku AND p.starts <= s.starts AND s.starts < p.ends
        WHERE k.billing = 'percent_of_spec' AND part.arch = s.arch AND part.counts = 'memory_gb'
          AND part.billing = 'monthly') AS ram
    CROSS JOIN LATERAL (
        SELECT count(*) AS matches, min(percent) AS percent FROM discounts d
        WHERE d.department = s.department AND d.sku = s.sku AND d.starts <= s.starts AND s.starts < d.ends
    ) AS reduced
    CROSS JOIN LATERAL (
        SELECT count(*) AS matches, min(payers) AS payers, min(percents) AS percents FROM splits d
        WHERE d.department = s.department AND d.sku = s.sku AND d.starts <= s.starts AND s.starts < d.ends
    ) AS shared
), terms AS (
    -- Spans of one class have the same price, discount and payers, and lie in one month.
    SELECT *, dense_rank() OVER (ORDER BY department, sku, arch) AS pair,
        dense_rank() OVER (ORDER BY department, sku, arch, month, catalogue, price_fen, percent,
        suspended_percent, tiers, cpu_fen, cpu_tiers, ram_fen, ram_tiers, discount, payers, percents) AS class
    FROM valued
)

-- name: divided_by_terms
-- Resources whose terms change within a month.
divided_by_terms AS NOT MATERIALIZED (
    SELECT u.resource
    FROM usage u
    JOIN (SELECT DISTINCT department, sku, arch FROM terms WHERE ends < month + month_days) AS t
      ON t.department = u.department AND t.sku = u.sku AND t.arch = u.arch
)

-- name: divided
-- Resources with usage that ends within a month, or whose terms change within one.
divided AS MATERIALIZED (
    SELECT resource FROM usage WHERE date_part('day', ends) <> 1
    UNION
    SELECT resource FROM divided_by_terms
)

-- name: runs
-- Usage divided by the terms, and neighbouring days joined again where nothing differs. Only a piece that ends
-- before its month does has a neighbour after it; the pieces of all other resources are runs already. Among
-- the rest a run begins where the row before ends earlier or differs, and ends where the predecessor of the
-- next run ends. One sort is enough and nothing is grouped; an empty row at the end closes the last run.
pieces AS NOT MATERIALIZED (
    SELECT t.pair, u.resource, u.run, u.quantity, u.state, u.vcpu, u.memory_gb, t.class,
           u.arch <> '' AS sized, t.billing = 'one_off' AS once,
           greatest(u.starts, t.starts) AS starts, least(u.ends, t.ends) AS ends
    FROM usage u
    JOIN terms t ON t.department = u.department AND t.sku = u.sku AND t.arch = u.arch
                AND t.starts < u.ends AND u.starts < t.ends
), parts AS (
    SELECT pair, resource, run, quantity, state, vcpu, memory_gb, class, starts, ends, once,
           4 * class + CASE state WHEN 'active' THEN 0 WHEN 'suspended' THEN 1 ELSE 2 END AS charged_as,
           CASE WHEN sized THEN vcpu || '/' || memory_gb END AS size
    FROM pieces WHERE resource IN (SELECT resource FROM divided)
    UNION ALL
    -- Without rows to join, but of the same types, down to the scale: no number is rounded once more.
    SELECT pair, resource, run, quantity, state, vcpu, memory_gb, class, starts, ends, once, NULL, NULL
    FROM (VALUES (0)) AS closing(row) LEFT JOIN pieces ON false
), marked AS (
    SELECT *, lag(ends) OVER w AS before,
           once OR lag(ends) OVER w IS DISTINCT FROM starts OR lag(resource) OVER w <> resource
           OR lag(charged_as) OVER w <> charged_as OR lag(quantity) OVER w <> quantity
           OR lag(size) OVER w IS DISTINCT FROM size AS begins
    FROM parts
    WINDOW w AS (ORDER BY pair, resource, starts)
), joined AS (
    SELECT pair, resource, run, quantity, state, vcpu, memory_gb, class, starts,
           lead(before) OVER (ORDER BY pair, resource, starts) AS ends
    FROM marked WHERE begins
), runs AS NOT MATERIALIZED (
    SELECT pair, resource, run, quantity, state, vcpu, memory_gb, class, starts, ends
    FROM pieces WHERE resource NOT IN (SELECT resource FROM divided)
    UNION ALL SELECT * FROM joined WHERE pair IS NOT NULL
)

-- name: unplaced
-- Runs in any order.
placed AS NOT MATERIALIZED (SELECT * FROM runs)

-- name: amounts
-- One division at the end, of whole numbers, half up. Everything before `weight` is exact. `weight` is 100
-- for each of the three percentages times the days of the month; the amount is charge x days / weight, of
-- which both sides are doubled to round half up. `active` and `suspended` are the percentages of these states;
-- `flat_active` and `flat_suspended` are the charge of a unit that has neither tiers nor a spec. The unit on
-- the border of two tiers belongs to the lower one. OFFSET 0 makes PostgreSQL compute an expression once
-- although it is used twice.
classes AS (
    SELECT c.*, flat * active AS flat_active, flat * suspended AS flat_suspended, 2 * weight AS twice,
           cardinality(payers) = 1 AS undivided
    FROM (SELECT DISTINCT ON (class) *, billing = 'one_off' AS once,
                 CASE WHEN billing <> 'percent_of_spec' AND tiers IS NULL
                      THEN 100 * price_fen * (100 - discount) END AS flat,
                 200::numeric AS active, 2 * coalesce(suspended_percent, 100) AS suspended,
                 1000000::numeric * CASE WHEN billing = 'one_off' THEN 1 ELSE month_days END AS weight
          FROM terms ORDER BY class) AS c
), charged AS (
    SELECT r.*, c.department, c.sku, c.month, c.month_days, c.catalogue, c.price_fen, c.percent, c.discount,
           c.payers, c.percents, c.undivided, c.weight, c.twice,
           CASE WHEN c.flat IS NOT NULL THEN r.quantity
                     * CASE r.state WHEN 'active' THEN c.flat_active WHEN 'suspended' THEN c.flat_suspended ELSE 0 END
                ELSE CASE r.state WHEN 'active' THEN c.active WHEN 'suspended' THEN c.suspended ELSE 0 END * CASE
                WHEN c.billing = 'percent_of_spec' THEN r.quantity * c.percent * (
                    CASE WHEN c.cpu_tiers IS NULL THEN r.vcpu * c.cpu_fen ELSE (
                        SELECT sum(greatest(least(r.vcpu, coalesce(tier.up_to, r.vcpu)) - tier.above, 0)
                                   * tier.price_fen)
                        FROM (SELECT up_to, price_fen, coalesce(lag(up_to) OVER (ORDER BY up_to), 0) AS above
                              FROM jsonb_to_recordset(c.cpu_tiers) AS x(up_to numeric, price_fen numeric)) AS tier) END
                    + CASE WHEN c.ram_tiers IS NULL THEN r.memory_gb * c.ram_fen ELSE (
                        SELECT sum(greatest(least(r.memory_gb, coalesce(tier.up_to, r.memory_gb)) - tier.above, 0)
                                   * tier.price_fen)
                        FROM (SELECT up_to, price_fen, coalesce(lag(up_to) OVER (ORDER BY up_to), 0) AS above
                              FROM jsonb_to_recordset(c.ram_tiers) AS x(up_to numeric, price_fen numeric)) AS tier) END
                ) * (100 - c.discount)
                ELSE 100 * (
                        SELECT sum(greatest(least(r.quantity, coalesce(tier.up_to, r.quantity)) - tier.above, 0)
                                   * tier.price_fen)
                        FROM (SELECT up_to, price_fen, coalesce(lag(up_to) OVER (ORDER BY up_to), 0) AS above
                              FROM jsonb_to_recordset(c.tiers) AS x(up_to numeric, price_fen numeric)) AS tier)
                    * (100 - c.discount) END END
           * CASE WHEN c.once THEN 1 ELSE r.ends - r.starts END AS charge
    FROM placed r JOIN classes c ON c.class = r.class
    OFFSET 0
), rounded AS (
    SELECT *, div(charge + weight, twice)::bigint AS amount_fen FROM charged OFFSET 0
), rated AS (
    SELECT *, CASE WHEN undivided THEN ARRAY[amount_fen] ELSE (
        SELECT array_agg((floor_fen + (rank <= amount_fen - total)::int)::bigint ORDER BY place)
        FROM (SELECT place, floor_fen, sum(floor_fen) OVER () AS total,
                     row_number() OVER (ORDER BY rest DESC, place) AS rank
              FROM (SELECT place, div(amount_fen * share, 100) AS floor_fen,
                           mod(amount_fen * share, 100) AS rest
                    FROM unnest(percents) WITH ORDINALITY AS p(share, place)) AS floors) AS ranked
    ) END AS shares_fen
    FROM rounded
)

-- name: lines
-- The columns of `RatedLine`, in its order.
lines AS (
    SELECT resource, sku, quantity, catalogue, price_fen::bigint, starts, ends, month_days, amount_fen,
           department, state, vcpu, memory_gb, percent, discount, payers, shares_fen
    FROM rated
)

-- name: flaws
-- The first day on which usage cannot be priced; empty if all of it can.
flaws AS (
    SELECT t.flaw, u.resource, u.sku, greatest(u.starts, t.starts) AS day
    FROM usage u
    JOIN terms t ON t.department = u.department AND t.sku = u.sku AND t.arch = u.arch
                AND t.starts < u.ends AND u.starts < t.ends
    WHERE t.flaw IS NOT NULL
    ORDER BY day, u.sku, u.resource LIMIT 1
)

-- name: lines_by_stored_terms
-- with: usage_given, prices_stored, skus_stored, discounts_stored, splits_stored, pairs, terms, divided_by_terms, divided, runs, unplaced, amounts, lines
SELECT * FROM lines

-- name: flaws_by_stored_terms
-- with: usage_given, prices_stored, skus_stored, discounts_stored, splits_stored, pairs, terms, flaws
SELECT * FROM flaws

-- name: lines_by_given_terms
-- with: usage_given, prices_stored, skus_stored, discounts_given, splits_given, pairs, terms, divided_by_terms, divided, runs, unplaced, amounts, lines
SELECT * FROM lines

-- name: flaws_by_given_terms
-- with: usage_given, prices_stored, skus_stored, discounts_given, splits_given, pairs, terms, flaws
SELECT * FROM flaws

-- name: lines_by_given_prices
-- with: usage_given, prices_given, skus_given, discounts_given, splits_given, pairs, terms, divided_by_terms, divided, runs, unplaced, amounts, lines
SELECT * FROM lines

-- name: flaws_by_given_prices
-- with: usage_given, prices_given, skus_given, discounts_given, splits_given, pairs, terms, flaws
SELECT * FROM flaws
