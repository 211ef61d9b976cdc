CREATE OR REPLACE FUNCTION line_covers_its_commitments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM budget_lines AS line
        WHERE id IN (SELECT line_id FROM touched)
            AND committed_fen < (SELECT sum(amount_fen) FROM budget_commitments WHERE line_id = line.id)
    ) THEN
        RAISE EXCEPTION 'a budget line has less committed than its budget commitments'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'budget_lines_cover_commitments';
    END IF;
    RETURN NULL;
END
$$;
