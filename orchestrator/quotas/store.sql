-- Writes of holds, counters and budget commitments.

-- name: change_counters
SELECT change_counters(:organisation, CAST(:targets AS text[]), CAST(:held AS bigint[]),
                       CAST(:committed AS bigint[]), CAST(:needed AS bigint[]))

-- name: hold
WITH hold AS (
    INSERT INTO holds (id, request_id, organisation_code, status, created_at, expires_at)
    VALUES (:id, :request, :organisation, 'live', :now, :expires)
)
INSERT INTO hold_items (hold_id, target, amount)
SELECT :id, * FROM unnest(CAST(:targets AS text[]), CAST(:amounts AS bigint[]))

-- name: end_commitments
UPDATE budget_commitments SET ends = greatest(starts, :day), amount_fen = ending.used
FROM unnest(CAST(:ids AS uuid[]), CAST(:used AS bigint[])) AS ending (id, used)
WHERE budget_commitments.id = ending.id

-- name: add_commitments
INSERT INTO budget_commitments (id, line_id, fiscal_year, workspace_id, request_id, committed_at, address,
                                sku_code, quantity, catalogue_code, price_fen, starts, ends, amount_fen)
SELECT gen_random_uuid(), line.id, line.fiscal_year, :workspace, added.request_id, added.committed_at,
       added.address, added.sku, added.quantity, added.catalogue, added.price_fen, added.starts, added.ends,
       added.amount_fen
FROM jsonb_to_recordset(CAST(:added AS jsonb)) AS added (
    line_id uuid, request_id uuid, committed_at timestamptz, address text, sku text, quantity integer,
    catalogue text, price_fen bigint, starts date, ends date, amount_fen bigint
) JOIN budget_lines AS line ON line.id = added.line_id
