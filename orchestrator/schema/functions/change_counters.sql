CREATE OR REPLACE FUNCTION change_counters(
    organisation text, targets text[], held_by bigint[], committed_by bigint[], needed bigint[]
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    part text[];
BEGIN
    FOR i IN 1 .. cardinality(targets) LOOP
        part := string_to_array(targets[i], ':');
        CASE part[1]
        WHEN 'quota' THEN
            UPDATE quota_limits SET held = held + held_by[i], committed = committed + committed_by[i]
            WHERE organisation_code = organisation AND zone_class = part[2] AND resource_class = part[3]
                AND held + held_by[i] >= 0 AND committed + committed_by[i] >= 0
                AND (needed[i] IS NULL OR amount - held - committed >= needed[i]);
        WHEN 'pool' THEN
            UPDATE pool_capacities SET held = held + held_by[i], committed = committed + committed_by[i]
            WHERE pool_code = part[2] AND resource_class = part[3]
                AND held + held_by[i] >= 0 AND committed + committed_by[i] >= 0
                AND (needed[i] IS NULL OR allocatable - held - committed >= needed[i]);
        WHEN 'budget' THEN
            UPDATE budget_lines
            SET held_fen = held_fen + held_by[i], committed_fen = committed_fen + committed_by[i]
            WHERE id = part[2]::uuid
                AND held_fen + held_by[i] >= 0 AND committed_fen + committed_by[i] >= 0
                AND (needed[i] IS NULL
                     OR appropriated_fen - held_fen - committed_fen - spent_fen >= needed[i]);
        END CASE;
        IF NOT FOUND  THEN
            RETURN targets[i];
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
