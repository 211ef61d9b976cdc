-- Reads that join several domains: the standing of an organisation, and the sizes of a stored request.

-- name: sizes
SELECT pool_code, key, arch, count, vcpu, memory_gb, disk_gb, disk_tier, backup_gb, host_services, free
FROM request_lines JOIN resource_pools ON code = pool_code WHERE request_id = :request ORDER BY position

-- name: price_terms
-- A token that changes whenever a price, a discount or a payer split does: same token, same rating.
SELECT token FROM price_terms

-- name: standing
-- All that the rules need besides the request, as one document.
json_build_object(
    'now', (
-- include: product_now
    ),
    'kind', organisation.kind,
    'filings', ARRAY(SELECT status FROM officer_filings WHERE organisation_code = organisation.code),
    'system', (
        SELECT json_build_object('code', code, 'classification', classification, 'mlps_level', mlps_level,
                                 'zombie', zombie)
        FROM systems WHERE code = request.system_code),
    'limits', (
        SELECT json_object_agg('quota:' || zone_class || ':' || resource_class,
                               json_build_array(held, committed, amount))
        FROM quota_limits WHERE organisation_code = organisation.code),
    'capacities', (
        SELECT json_object_agg('pool:' || pool_code || ':' || resource_class,
                               json_build_array(held, committed, allocatable))
        FROM pool_capacities),
    'budget', (
        SELECT json_build_object('id', id, 'name', organisation_code || '/' || fiscal_year || '/' || purpose,
                                 'appropriated_fen', appropriated_fen, 'held_fen', held_fen,
                                 'committed_fen', committed_fen, 'spent_fen', spent_fen)
        FROM budget_lines
        WHERE organisation_code = organisation.code AND purpose = :purpose AND payer = 'department'
            AND fiscal_year = extract(year FROM (
-- include: product_now
            ) AT TIME ZONE 'Asia/Shanghai')),
    'sizes', ARRAY(SELECT to_json(size) FROM (
-- include: sizes
    ) AS size),
    'terms', (
-- include: price_terms
    ))

-- name: read_standing
SELECT
-- include: standing
FROM resource_requests AS request JOIN organisations AS organisation ON organisation.code = organisation_code
WHERE request.id = :request

-- name: lock_standing
SELECT row_to_json(request),
-- include: standing
FROM resource_requests AS request JOIN organisations AS organisation ON organisation.code = organisation_code
WHERE request.id = :request FOR UPDATE OF request

-- name: priced
-- Since when and until when each SKU has a price, with the token of these prices.
SELECT (
-- include: price_terms
)::text AS terms, sku_code AS sku, valid_from AS since, valid_to AS until
FROM sku_prices JOIN price_catalogues ON code = catalogue_code
