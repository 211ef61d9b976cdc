CREATE OR REPLACE FUNCTION append_audit_events(bodies text[]) RETURNS void LANGUAGE plpgsql AS $$
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
