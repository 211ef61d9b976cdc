"""Read content revisions as the view models of the pages."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from orchestrator.console.content.views import ContentChange, Decision, RevisionDetail, RevisionRow
from orchestrator.console.frame.acts import buttons
from orchestrator.console.frame.views import ActionSet
from orchestrator.console.frame.visit import Visit
from orchestrator.content import queries
from orchestrator.content.authorities import authorities_over
from orchestrator.content.models import ContentRevision
from orchestrator.workflows.nouns import REVISIONS

NOTHING = "—"


def row(visit: Visit, revision: ContentRevision) -> RevisionRow:
    """Return one revision as a row of the list."""
    return RevisionRow(
        id=str(revision.id),
        number=revision.number,
        status=revision.status,
        author=visit.names.person(revision.author_id),
        organisation=visit.names.organisation_of(revision.author_id),
        created_at=revision.created_at,
        changes=len(revision.differences),
    )


def detail(visit: Visit, revision_id: UUID) -> RevisionDetail:
    """Return one revision with its changes and decisions. Raises NotFound."""
    revision = queries.get(visit.session, revision_id)
    approvers = queries.approved_by(visit.session, revision.id)
    return RevisionDetail(
        id=str(revision.id),
        number=revision.number,
        status=revision.status,
        author=visit.names.person(revision.author_id),
        organisation=visit.names.organisation_of(revision.author_id),
        created_at=revision.created_at,
        status_at=revision.status_at,
        digest=revision.digest,
        reason=revision.reason or "",
        decisions=tuple(
            Decision(authority.value, visit.names.person(approvers.get(authority)))
            for authority in authorities_over(revision.differences)
        ),
        changes=tuple(_change(difference) for difference in revision.differences),
        acts=ActionSet(buttons(visit, REVISIONS, revision), hidden={"version": str(revision.version)}),
    )


def _change(difference: Mapping[str, Any]) -> ContentChange:
    return ContentChange(
        verdict=difference["verdict"],
        kind=difference["kind"],
        key=difference["key"],
        field=difference["field"],
        before=_value(difference["before"]),
        after=_value(difference["after"]),
    )


def _value(value: Any) -> str:
    """Return a value of a row for the reader: a whole row as ``name: value`` pairs."""
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_value(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or NOTHING
    return NOTHING if value is None else str(value)
