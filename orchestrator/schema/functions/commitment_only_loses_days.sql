CREATE OR REPLACE FUNCTION commitment_only_loses_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.ends > OLD.ends OR NEW.amount_fen > OLD.amount_fen
        OR to_jsonb(NEW) - 'ends' - 'amount_fen' <> to_jsonb(OLD) - 'ends' - 'amount_fen'
    THEN
        RAISE EXCEPTION 'a budget commitment only loses days from its end, with their amount'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
