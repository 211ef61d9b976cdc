CREATE OR REPLACE FUNCTION applier_is_not_an_approver() RETURNS trigger LANGUAGE plpgsql AS $$
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
