-- Rules that the database itself keeps; their functions are in ../functions.

CREATE TRIGGER approvals_distinct_persons
    BEFORE INSERT OR UPDATE ON approvals
    FOR EACH ROW EXECUTE FUNCTION approver_is_another_person();

CREATE TRIGGER audit_events_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER billing_discounts_renew_price_terms
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON billing_discounts
    FOR EACH STATEMENT EXECUTE FUNCTION renew_price_terms();

CREATE TRIGGER billing_payer_splits_renew_price_terms
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON billing_payer_splits
    FOR EACH STATEMENT EXECUTE FUNCTION renew_price_terms();

CREATE TRIGGER budget_commitments_are_covered
    AFTER INSERT ON budget_commitments REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION line_covers_its_commitments();
CREATE TRIGGER budget_commitments_never_deleted
    BEFORE DELETE OR TRUNCATE ON budget_commitments
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER budget_commitments_only_lose_days
    BEFORE UPDATE ON budget_commitments
    FOR EACH ROW EXECUTE FUNCTION commitment_only_loses_days();

CREATE TRIGGER budget_lines_cover_commitments
    AFTER UPDATE ON budget_lines
    FOR EACH ROW WHEN (new.committed_fen < old.committed_fen) EXECUTE FUNCTION lessened_line_covers_its_commitments();

CREATE TRIGGER content_approver_is_another_person
    BEFORE INSERT OR UPDATE ON content_approvals
    FOR EACH ROW EXECUTE FUNCTION content_approver_is_not_the_author();

CREATE TRIGGER execution_plans_distinct_persons
    BEFORE UPDATE OF requester_id, endorser_id, author_id, applier_id ON execution_plans
    FOR EACH ROW EXECUTE FUNCTION applier_is_not_an_approver();

CREATE TRIGGER metered_resources_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON metered_resources
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER price_catalogues_renew_price_terms
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON price_catalogues
    FOR EACH STATEMENT EXECUTE FUNCTION renew_price_terms();

CREATE TRIGGER sku_movements_never_changed
    BEFORE UPDATE OR TRUNCATE ON sku_movements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sku_movements_of_open_deleted
    AFTER DELETE ON sku_movements REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION only_open_statements();
CREATE TRIGGER sku_movements_of_open_inserted
    AFTER INSERT ON sku_movements REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION only_open_statements();

CREATE TRIGGER sku_prices_renew_price_terms
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON sku_prices
    FOR EACH STATEMENT EXECUTE FUNCTION renew_price_terms();

CREATE TRIGGER skus_renew_price_terms
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON skus
    FOR EACH STATEMENT EXECUTE FUNCTION renew_price_terms();

CREATE TRIGGER state_versions_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON state_versions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER statement_lines_never_changed
    BEFORE UPDATE OR TRUNCATE ON statement_lines
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_lines_of_open_deleted
    AFTER DELETE ON statement_lines REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION only_open_statements();
CREATE TRIGGER statement_lines_of_open_inserted
    AFTER INSERT ON statement_lines REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION only_open_statements();

CREATE TRIGGER usage_events_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER usage_statements_keep_issued
    BEFORE UPDATE ON usage_statements
    FOR EACH ROW EXECUTE FUNCTION keep_issued_statement();
CREATE TRIGGER usage_statements_never_deleted
    BEFORE DELETE OR TRUNCATE ON usage_statements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
