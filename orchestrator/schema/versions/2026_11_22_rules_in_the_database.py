"""Rules that the database enforces: the audit chain, and that approvers are other persons.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

AUDIT = """
INSERT INTO audit_chain (id, seq, hash) VALUES (1, 0, repeat('0', 64));

CREATE FUNCTION append_audit_events(bodies text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    body text;
    last_seq bigint;
    last_hash text;
    next_hash text;
    parsed jsonb;
BEGIN
    SELECT seq, hash INTO STRICT last_seq, last_hash FROM audit_chain WHERE id = 1 FOR UPDATE;
    FOREACH body IN ARRAY bodies LOOP
        parsed := body::jsonb;
        next_hash := encode(
            sha256(convert_to(last_hash || '|' || (last_seq + 1)::text || '|' || body, 'UTF8')), 'hex');
        INSERT INTO audit_events
            (seq, at, actor, action, object_type, object_id, organisation_code, body, previous_hash, hash)
        VALUES (last_seq + 1, (parsed ->> 'at')::timestamptz, parsed ->> 'actor', parsed ->> 'action',
            parsed ->> 'object_type', parsed ->> 'object_id', parsed ->> 'organisation_code', body,
            last_hash, next_hash);
        last_seq := last_seq + 1;
        last_hash := next_hash;
    END LOOP;
    UPDATE audit_chain SET seq = last_seq, hash = last_hash WHERE id = 1;
END
$$;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER state_versions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON state_versions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

PERSONS = """
CREATE FUNCTION approver_is_another_person() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    involved uuid[];
BEGIN
    -- The row lock makes a decision and the naming of an applier wait for each other.
    SELECT ARRAY[requester_id, endorser_id, author_id, applier_id] INTO STRICT involved
        FROM execution_plans WHERE id = NEW.plan_id FOR NO KEY UPDATE;
    IF NEW.decision = 'approved' AND NEW.approver_id = ANY (involved) THEN
        RAISE EXCEPTION 'the approver is already requester, endorser, author or applier of this plan'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approvals_distinct_persons';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER approvals_distinct_persons BEFORE INSERT OR UPDATE ON approvals
    FOR EACH ROW EXECUTE FUNCTION approver_is_another_person();

CREATE FUNCTION applier_is_not_an_approver() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM approvals WHERE plan_id = NEW.id AND decision = 'approved'
               AND approver_id = ANY (ARRAY[NEW.requester_id, NEW.endorser_id, NEW.author_id, NEW.applier_id]))
    THEN
        RAISE EXCEPTION 'a person who approved this plan has another part in it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'execution_plans_distinct_persons';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER execution_plans_distinct_persons
    BEFORE UPDATE OF requester_id, endorser_id, author_id, applier_id ON execution_plans
    FOR EACH ROW EXECUTE FUNCTION applier_is_not_an_approver();
"""


def upgrade() -> None:
    """Create the functions and triggers."""
    op.execute(AUDIT)
    op.execute(PERSONS)


def downgrade() -> None:
    """Drop the functions and triggers; the audit events stay."""
    op.execute("DROP TRIGGER execution_plans_distinct_persons ON execution_plans")
    op.execute("DROP TRIGGER approvals_distinct_persons ON approvals")
    op.execute("DROP TRIGGER state_versions_append_only ON state_versions")
    op.execute("DROP TRIGGER audit_events_append_only ON audit_events")
    op.execute(
        "DROP FUNCTION applier_is_not_an_approver, approver_is_another_person, refuse_change, append_audit_events"
    )
    op.execute("DELETE FROM audit_chain")
