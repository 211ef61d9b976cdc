CREATE OR REPLACE FUNCTION lessened_line_covers_its_commitments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.committed_fen < (SELECT sum(amount_fen) FROM budget_commitments WHERE line_id = NEW.id) THEN
        RAISE EXCEPTION 'a budget line has less committed than its budget commitments'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'budget_lines_cover_commitments';
    END IF;
    RETURN NULL;
END
$$;
