CREATE OR REPLACE FUNCTION admit_request(admitted jsonb, judged jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wanted text[] := ARRAY(SELECT jsonb_array_elements_text(admitted -> 'targets'));
    amounts bigint[] := ARRAY(SELECT CAST(jsonb_array_elements_text(admitted -> 'amounts') AS bigint));
    taken text[] := ARRAY(SELECT target FROM unnest(wanted, amounts) AS take (target, amount) WHERE amount > 0);
    taken_amounts bigint[] := ARRAY(SELECT amount FROM unnest(amounts) AS amount WHERE amount > 0);
    lacking text;
BEGIN
    UPDATE resource_requests AS request
    SET status = written.status, status_at = written.status_at, version = written.version,
        submitted_at = written.submitted_at, reason = written.reason, judgement = judged
    FROM jsonb_populate_record(NULL::resource_requests, admitted -> 'request') AS written
    WHERE request.id = written.id;
    INSERT INTO holds (id, request_id, organisation_code, status, created_at, expires_at)
    SELECT id, request_id, organisation_code, status, created_at, expires_at
    FROM jsonb_populate_record(NULL::holds, admitted -> 'hold');
    INSERT INTO hold_items (hold_id, target, amount)
    SELECT CAST(admitted -> 'hold' ->> 'id' AS uuid), * FROM unnest(wanted, amounts);
    -- Late, because everybody else who wants of the same counters waits from here to the commit.
    lacking := change_counters(admitted -> 'hold' ->> 'organisation_code', taken, taken_amounts,
                               array_fill(0::bigint, ARRAY[cardinality(taken)]), taken_amounts);
    IF lacking IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'GC001', MESSAGE = lacking;
    END IF;
END
$$;
