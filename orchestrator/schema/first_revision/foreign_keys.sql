-- After all tables, because tables of different files refer to each other.

ALTER TABLE organisations
    ADD CONSTRAINT fk_organisations_parent_code FOREIGN KEY (parent_code) REFERENCES organisations (code);

ALTER TABLE access_links
    ADD CONSTRAINT fk_access_links_organisation_code FOREIGN KEY (organisation_code) REFERENCES
        organisations (code);

ALTER TABLE billing_discounts
    ADD CONSTRAINT fk_billing_discounts_organisation_code FOREIGN KEY (organisation_code) REFERENCES
        organisations (code),
    ADD CONSTRAINT fk_billing_discounts_sku_code FOREIGN KEY (sku_code) REFERENCES skus (code);

ALTER TABLE billing_payer_splits
    ADD CONSTRAINT fk_billing_payer_splits_organisation_code FOREIGN KEY (organisation_code) REFERENCES
        organisations (code),
    ADD CONSTRAINT fk_billing_payer_splits_sku_code FOREIGN KEY (sku_code) REFERENCES skus (code);

ALTER TABLE budget_lines
    ADD CONSTRAINT fk_budget_lines_organisation_code FOREIGN KEY (organisation_code) REFERENCES
        organisations (code);

ALTER TABLE persons
    ADD CONSTRAINT fk_persons_organisation_code FOREIGN KEY (organisation_code) REFERENCES organisations
        (code);

ALTER TABLE pool_capacities
    ADD CONSTRAINT fk_pool_capacities_pool_code FOREIGN KEY (pool_code) REFERENCES resource_pools (code);

ALTER TABLE quota_limits
    ADD CONSTRAINT fk_quota_limits_organisation_code FOREIGN KEY (organisation_code) REFERENCES
        organisations (code);

ALTER TABLE sku_prices
    ADD CONSTRAINT fk_sku_prices_catalogue_code FOREIGN KEY (catalogue_code) REFERENCES price_catalogues
        (code),
    ADD CONSTRAINT fk_sku_prices_sku_code FOREIGN KEY (sku_code) REFERENCES skus (code);

ALTER TABLE systems
    ADD CONSTRAINT fk_systems_organisation_code FOREIGN KEY (organisation_code) REFERENCES organisations
        (code);

ALTER TABLE api_tokens
    ADD CONSTRAINT fk_api_tokens_person_id FOREIGN KEY (person_id) REFERENCES persons (id);

ALTER TABLE content_revisions
    ADD CONSTRAINT fk_content_revisions_author_id FOREIGN KEY (author_id) REFERENCES persons (id);

ALTER TABLE identities
    ADD CONSTRAINT fk_identities_person_id FOREIGN KEY (person_id) REFERENCES persons (id);

ALTER TABLE officer_filings
    ADD CONSTRAINT fk_officer_filings_organisation_code FOREIGN KEY (organisation_code) REFERENCES
        organisations (code),
    ADD CONSTRAINT fk_officer_filings_person_id FOREIGN KEY (person_id) REFERENCES persons (id);

ALTER TABLE role_grants
    ADD CONSTRAINT fk_role_grants_person_id FOREIGN KEY (person_id) REFERENCES persons (id);

ALTER TABLE usage_statements
    ADD CONSTRAINT fk_usage_statements_confirmed_by_id FOREIGN KEY (confirmed_by_id) REFERENCES persons (id),
    ADD CONSTRAINT fk_usage_statements_decided_by_id FOREIGN KEY (decided_by_id) REFERENCES persons (id),
    ADD CONSTRAINT fk_usage_statements_disputed_by_id FOREIGN KEY (disputed_by_id) REFERENCES persons (id),
    ADD CONSTRAINT fk_usage_statements_organisation_code FOREIGN KEY (organisation_code) REFERENCES
        organisations (code),
    ADD CONSTRAINT fk_usage_statements_replaces_id FOREIGN KEY (replaces_id) REFERENCES usage_statements (id),
    ADD CONSTRAINT fk_usage_statements_verified_by_id FOREIGN KEY (verified_by_id) REFERENCES persons (id);

ALTER TABLE web_sessions
    ADD CONSTRAINT fk_web_sessions_person_id FOREIGN KEY (person_id) REFERENCES persons (id);

ALTER TABLE workspaces
    ADD CONSTRAINT fk_workspaces_organisation_code FOREIGN KEY (organisation_code) REFERENCES
        organisations (code),
    ADD CONSTRAINT fk_workspaces_origin_request_id FOREIGN KEY (origin_request_id) REFERENCES
        resource_requests (id),
    ADD CONSTRAINT fk_workspaces_system_code FOREIGN KEY (system_code) REFERENCES systems (code);

ALTER TABLE considered_corrections
    ADD CONSTRAINT fk_considered_corrections_statement_id FOREIGN KEY (statement_id) REFERENCES
        usage_statements (id);

ALTER TABLE content_approvals
    ADD CONSTRAINT fk_content_approvals_approver_id FOREIGN KEY (approver_id) REFERENCES persons (id),
    ADD CONSTRAINT fk_content_approvals_revision_id FOREIGN KEY (revision_id) REFERENCES content_revisions
        (id);

ALTER TABLE resource_requests
    ADD CONSTRAINT fk_resource_requests_catalogue_code FOREIGN KEY (catalogue_code) REFERENCES
        price_catalogues (code),
    ADD CONSTRAINT fk_resource_requests_endorser_id FOREIGN KEY (endorser_id) REFERENCES persons (id),
    ADD CONSTRAINT fk_resource_requests_organisation_code FOREIGN KEY (organisation_code) REFERENCES
        organisations (code),
    ADD CONSTRAINT fk_resource_requests_requester_id FOREIGN KEY (requester_id) REFERENCES persons (id),
    ADD CONSTRAINT fk_resource_requests_reviewer_id FOREIGN KEY (reviewer_id) REFERENCES persons (id),
    ADD CONSTRAINT fk_resource_requests_system_code FOREIGN KEY (system_code) REFERENCES systems (code),
    ADD CONSTRAINT fk_resource_requests_target_workspace_id FOREIGN KEY (target_workspace_id) REFERENCES
        workspaces (id);

ALTER TABLE sku_movements
    ADD CONSTRAINT fk_sku_movements_sku_code FOREIGN KEY (sku_code) REFERENCES skus (code),
    ADD CONSTRAINT fk_sku_movements_statement_id FOREIGN KEY (statement_id) REFERENCES usage_statements (id);

ALTER TABLE budget_commitments
    ADD CONSTRAINT fk_budget_commitments_catalogue_code FOREIGN KEY (catalogue_code) REFERENCES
        price_catalogues (code),
    ADD CONSTRAINT fk_budget_commitments_line_id_fiscal_year FOREIGN KEY (line_id, fiscal_year) REFERENCES
        budget_lines (id, fiscal_year),
    ADD CONSTRAINT fk_budget_commitments_request_id FOREIGN KEY (request_id) REFERENCES resource_requests (id),
    ADD CONSTRAINT fk_budget_commitments_sku_code FOREIGN KEY (sku_code) REFERENCES skus (code),
    ADD CONSTRAINT fk_budget_commitments_workspace_id FOREIGN KEY (workspace_id) REFERENCES workspaces (id);

ALTER TABLE execution_plans
    ADD CONSTRAINT fk_execution_plans_applier_id FOREIGN KEY (applier_id) REFERENCES persons (id),
    ADD CONSTRAINT fk_execution_plans_author_id FOREIGN KEY (author_id) REFERENCES persons (id),
    ADD CONSTRAINT fk_execution_plans_endorser_id FOREIGN KEY (endorser_id) REFERENCES persons (id),
    ADD CONSTRAINT fk_execution_plans_organisation_code FOREIGN KEY (organisation_code) REFERENCES
        organisations (code),
    ADD CONSTRAINT fk_execution_plans_request_id FOREIGN KEY (request_id) REFERENCES resource_requests (id),
    ADD CONSTRAINT fk_execution_plans_requester_id FOREIGN KEY (requester_id) REFERENCES persons (id),
    ADD CONSTRAINT fk_execution_plans_workspace_id FOREIGN KEY (workspace_id) REFERENCES workspaces (id);

ALTER TABLE holds
    ADD CONSTRAINT fk_holds_organisation_code FOREIGN KEY (organisation_code) REFERENCES organisations (code),
    ADD CONSTRAINT fk_holds_request_id FOREIGN KEY (request_id) REFERENCES resource_requests (id);

ALTER TABLE migrations
    ADD CONSTRAINT fk_migrations_organisation_code FOREIGN KEY (organisation_code) REFERENCES
        organisations (code),
    ADD CONSTRAINT fk_migrations_registered_by FOREIGN KEY (registered_by) REFERENCES persons (id),
    ADD CONSTRAINT fk_migrations_request_id FOREIGN KEY (request_id) REFERENCES resource_requests (id),
    ADD CONSTRAINT fk_migrations_system_code FOREIGN KEY (system_code) REFERENCES systems (code),
    ADD CONSTRAINT fk_migrations_workspace_id FOREIGN KEY (workspace_id) REFERENCES workspaces (id);

ALTER TABLE request_comments
    ADD CONSTRAINT fk_request_comments_person_id FOREIGN KEY (person_id) REFERENCES persons (id),
    ADD CONSTRAINT fk_request_comments_request_id FOREIGN KEY (request_id) REFERENCES resource_requests (id);

ALTER TABLE request_lines
    ADD CONSTRAINT fk_request_lines_pool_code FOREIGN KEY (pool_code) REFERENCES resource_pools (code),
    ADD CONSTRAINT fk_request_lines_request_id FOREIGN KEY (request_id) REFERENCES resource_requests (id);

ALTER TABLE approvals
    ADD CONSTRAINT fk_approvals_approver_id FOREIGN KEY (approver_id) REFERENCES persons (id),
    ADD CONSTRAINT fk_approvals_plan_id FOREIGN KEY (plan_id) REFERENCES execution_plans (id);

ALTER TABLE hold_items
    ADD CONSTRAINT fk_hold_items_hold_id FOREIGN KEY (hold_id) REFERENCES holds (id);

ALTER TABLE migration_acts
    ADD CONSTRAINT fk_migration_acts_migration_id FOREIGN KEY (migration_id) REFERENCES migrations (id),
    ADD CONSTRAINT fk_migration_acts_plan_id FOREIGN KEY (plan_id) REFERENCES execution_plans (id);

ALTER TABLE plan_artifacts
    ADD CONSTRAINT fk_plan_artifacts_plan_id FOREIGN KEY (plan_id) REFERENCES execution_plans (id);

ALTER TABLE resources
    ADD CONSTRAINT fk_resources_organisation_code FOREIGN KEY (organisation_code) REFERENCES organisations
        (code),
    ADD CONSTRAINT fk_resources_plan_id FOREIGN KEY (plan_id) REFERENCES execution_plans (id),
    ADD CONSTRAINT fk_resources_request_id FOREIGN KEY (request_id) REFERENCES resource_requests (id),
    ADD CONSTRAINT fk_resources_system_code FOREIGN KEY (system_code) REFERENCES systems (code),
    ADD CONSTRAINT fk_resources_workspace_id FOREIGN KEY (workspace_id) REFERENCES workspaces (id);

ALTER TABLE runs
    ADD CONSTRAINT fk_runs_organisation_code FOREIGN KEY (organisation_code) REFERENCES organisations (code),
    ADD CONSTRAINT fk_runs_plan_id FOREIGN KEY (plan_id) REFERENCES execution_plans (id),
    ADD CONSTRAINT fk_runs_started_by FOREIGN KEY (started_by) REFERENCES persons (id),
    ADD CONSTRAINT fk_runs_workspace_id FOREIGN KEY (workspace_id) REFERENCES workspaces (id);

ALTER TABLE drift_cases
    ADD CONSTRAINT fk_drift_cases_organisation_code FOREIGN KEY (organisation_code) REFERENCES
        organisations (code),
    ADD CONSTRAINT fk_drift_cases_run_id FOREIGN KEY (run_id) REFERENCES runs (id),
    ADD CONSTRAINT fk_drift_cases_workspace_id FOREIGN KEY (workspace_id) REFERENCES workspaces (id);

ALTER TABLE metered_resources
    ADD CONSTRAINT fk_metered_resources_organisation_code FOREIGN KEY (organisation_code) REFERENCES
        organisations (code),
    ADD CONSTRAINT fk_metered_resources_resource_id FOREIGN KEY (resource_id) REFERENCES resources (id),
    ADD CONSTRAINT fk_metered_resources_system_code FOREIGN KEY (system_code) REFERENCES systems (code);

ALTER TABLE migration_switches
    ADD CONSTRAINT fk_migration_switches_migration_id FOREIGN KEY (migration_id) REFERENCES migrations (id),
    ADD CONSTRAINT fk_migration_switches_plan_id FOREIGN KEY (plan_id) REFERENCES execution_plans (id),
    ADD CONSTRAINT fk_migration_switches_run_id FOREIGN KEY (run_id) REFERENCES runs (id);

ALTER TABLE state_locks
    ADD CONSTRAINT fk_state_locks_run_id FOREIGN KEY (run_id) REFERENCES runs (id),
    ADD CONSTRAINT fk_state_locks_workspace_id FOREIGN KEY (workspace_id) REFERENCES workspaces (id);

ALTER TABLE state_versions
    ADD CONSTRAINT fk_state_versions_run_id FOREIGN KEY (run_id) REFERENCES runs (id),
    ADD CONSTRAINT fk_state_versions_workspace_id FOREIGN KEY (workspace_id) REFERENCES workspaces (id);

ALTER TABLE usage_events
    ADD CONSTRAINT fk_usage_events_resource_id FOREIGN KEY (resource_id) REFERENCES metered_resources
        (resource_id),
    ADD CONSTRAINT fk_usage_events_run_id FOREIGN KEY (run_id) REFERENCES runs (id);

ALTER TABLE usage_intervals
    ADD CONSTRAINT fk_usage_intervals_event_seq FOREIGN KEY (event_seq) REFERENCES usage_events (seq),
    ADD CONSTRAINT fk_usage_intervals_organisation_code FOREIGN KEY (organisation_code) REFERENCES
        organisations (code),
    ADD CONSTRAINT fk_usage_intervals_resource_id FOREIGN KEY (resource_id) REFERENCES resources (id),
    ADD CONSTRAINT fk_usage_intervals_run_id FOREIGN KEY (run_id) REFERENCES runs (id),
    ADD CONSTRAINT fk_usage_intervals_sku_code FOREIGN KEY (sku_code) REFERENCES skus (code);
