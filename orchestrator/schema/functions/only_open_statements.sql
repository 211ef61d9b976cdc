CREATE OR REPLACE FUNCTION only_open_statements() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    other text;
BEGIN
    SELECT coalesce(s.number, s.status, 'unknown') INTO other
        FROM (SELECT DISTINCT statement_id FROM touched) AS t
        LEFT JOIN usage_statements s ON s.id = t.statement_id
        WHERE s.status IS DISTINCT FROM 'open' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% of statement % is append-only', TG_TABLE_NAME, other
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;
