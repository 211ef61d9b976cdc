CREATE OR REPLACE FUNCTION content_approver_is_not_the_author() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.approver_id = (SELECT author_id FROM content_revisions WHERE id = NEW.revision_id) THEN
        RAISE EXCEPTION 'a content revision is approved by another person than its author'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'content_approver_is_another_person';
    END IF;
    RETURN NEW;
END
$$;
