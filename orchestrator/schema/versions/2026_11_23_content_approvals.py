"""Approvals of content revisions, one for each authority.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

AUTHOR = """
CREATE FUNCTION content_approver_is_not_the_author() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.approver_id = (SELECT author_id FROM content_revisions WHERE id = NEW.revision_id) THEN
        RAISE EXCEPTION 'a content revision is approved by another person than its author'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'content_approver_is_another_person';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER content_approver_is_another_person BEFORE INSERT OR UPDATE ON content_approvals
    FOR EACH ROW EXECUTE FUNCTION content_approver_is_not_the_author();
"""
KEPT = """
INSERT INTO content_approvals (revision_id, authority, approver_id, at)
SELECT id, 'smart_city_office', approver_id, status_at FROM content_revisions WHERE approver_id IS NOT NULL
"""


def upgrade() -> None:
    """Move the approver of each revision to a table with one row for each authority."""
    op.create_table(
        "content_approvals",
        sa.Column("revision_id", sa.Uuid(), nullable=False),
        sa.Column("authority", sa.String(), nullable=False),
        sa.Column("approver_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "authority IN ('finance', 'smart_city_office')", name=op.f("ck_content_approvals_authority_known")
        ),
        sa.ForeignKeyConstraint(
            ["approver_id"], ["persons.id"], name=op.f("fk_content_approvals_approver_id")
        ),
        sa.ForeignKeyConstraint(
            ["revision_id"], ["content_revisions.id"], name=op.f("fk_content_approvals_revision_id")
        ),
        sa.PrimaryKeyConstraint("revision_id", "authority", name=op.f("pk_content_approvals")),
    )
    op.execute(KEPT)
    op.execute(AUTHOR)
    op.drop_column("content_revisions", "approver_id")


def downgrade() -> None:
    """Restore one approver for each revision; of two approvals one is lost."""
    op.add_column("content_revisions", sa.Column("approver_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_content_revisions_approver_id"), "content_revisions", "persons", ["approver_id"], ["id"]
    )
    op.create_check_constraint(
        op.f("ck_content_revisions_approver_is_another_person"),
        "content_revisions",
        "approver_id <> author_id",
    )
    op.execute(
        "UPDATE content_revisions SET approver_id = (SELECT min(approver_id::text)::uuid FROM content_approvals"
        " WHERE revision_id = content_revisions.id)"
    )
    op.drop_table("content_approvals")
    op.execute("DROP FUNCTION content_approver_is_not_the_author")
