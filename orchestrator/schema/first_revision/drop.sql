DROP SCHEMA queue CASCADE;

DROP TABLE
    access_links, api_tokens, approvals, audit_chain, audit_events, billing_discounts,
    billing_payer_splits, budget_commitments, budget_lines, clock_shift, considered_corrections,
    content_approvals, content_revisions, drift_cases, execution_plans, hold_items, holds,
    idempotency_keys, identities, metered_resources, migration_acts, migration_switches, migrations,
    officer_filings, organisations, persons, plan_artifacts, pool_capacities, price_catalogues,
    price_terms, quota_limits, request_comments, request_lines, resource_pools, resource_requests,
    resources, role_grants, run_log_chunks, runs, sku_movements, sku_prices, skus, state_locks,
    state_versions, statement_lines, systems, usage_events, usage_intervals, usage_statements,
    web_sessions, workspaces;

DROP FUNCTION
    admit_request, append_audit_events, applier_is_not_an_approver, approver_is_another_person,
    change_counters, commitment_only_loses_days, content_approver_is_not_the_author,
    keep_issued_statement, lessened_line_covers_its_commitments, line_covers_its_commitments,
    only_open_statements, refuse_change, renew_price_terms;
