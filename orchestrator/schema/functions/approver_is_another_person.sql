CREATE OR REPLACE FUNCTION approver_is_another_person() RETURNS trigger LANGUAGE plpgsql AS $$
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
