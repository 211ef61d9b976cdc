CREATE OR REPLACE FUNCTION renew_price_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE price_terms SET token = gen_random_uuid();
    RETURN NULL;
END
$$;
