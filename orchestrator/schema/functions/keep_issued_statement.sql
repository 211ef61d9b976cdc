CREATE OR REPLACE FUNCTION keep_issued_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status NOT IN ('open', 'metered') AND (
        (NEW.organisation_code, NEW.month, NEW.revision, NEW.replaces_id, NEW.number, NEW.event_seq,
         NEW.line_count, NEW.total_fen, NEW.issued_on, NEW.digest, NEW.verified_by_id)
        IS DISTINCT FROM
        (OLD.organisation_code, OLD.month, OLD.revision, OLD.replaces_id, OLD.number, OLD.event_seq,
         OLD.line_count, OLD.total_fen, OLD.issued_on, OLD.digest, OLD.verified_by_id)
        OR NEW.status IN ('open', 'metered')
        OR OLD.status IN ('confirmed', 'settled', 'locked', 'upheld')
           AND (NEW.confirmed_by_id, NEW.confirmed_on) IS DISTINCT FROM (OLD.confirmed_by_id, OLD.confirmed_on)
        OR OLD.status IN ('locked', 'upheld') AND NEW.status <> OLD.status
        OR OLD.status = 'settled' AND NEW.status NOT IN ('settled', 'locked')
        OR OLD.status = 'confirmed' AND NEW.status NOT IN ('confirmed', 'settled')
    ) THEN
        RAISE EXCEPTION 'statement % is % and append-only', OLD.number, OLD.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
