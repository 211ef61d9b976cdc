"""Content from Git: compare, load into an empty database, or propose a revision to a second person.

A load never overwrites a newer change that was approved in the product (domain §6.13): the
comparison has three sides, and a conflict refuses the whole revision.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlmodel import Session

from orchestrator.catalogue import content_rows as catalogue_rows
from orchestrator.content import store
from orchestrator.content.bundle import ContentBundle, Rows, row_order
from orchestrator.content.differences import Difference, Verdict, changes, conflicts, differences
from orchestrator.content.errors import AuthorNeeded, ContentConflict, OwnRevision, StaleRevision
from orchestrator.content.lifecycle import RevisionStatus
from orchestrator.content.models import ContentRevision
from orchestrator.core.errors import IllegalMove
from orchestrator.departments import content_rows as department_rows
from orchestrator.departments.permissions import Actor, Permission, require
from orchestrator.quotas import content_rows as quota_rows
from orchestrator.systems import content_rows as system_rows

_PARTS = (department_rows, quota_rows, catalogue_rows, system_rows)
_WRITERS = {kind: part.write for part in _PARTS for kind in part.KINDS}


def current_rows(session: Session) -> Rows:
    """Everything that a load could change, as it is now."""
    return {key: row for part in _PARTS for key, row in part.read(session)}


def compare(session: Session, wanted: Rows) -> list[Difference]:
    """What a load of `wanted` would do."""
    last = store.last_loaded(session)
    base = {(kind, key): row for kind, key, row in last.rows} if last else None
    return differences(current_rows(session), wanted, base)


def load_content(session: Session, bundle: ContentBundle, author: Actor | None) -> ContentRevision | None:
    """Load into an empty database, or propose a revision; None when nothing would change.

    Raises:
        ContentConflict: the files would overwrite a change made in the product; every one is named.
        AuthorNeeded: the database is not empty and nobody is named as the author.
    """
    found = compare(session, bundle.rows())
    _refuse_conflicts(found)
    wanted = changes(found)
    if not wanted:
        return None
    first = not current_rows(session)
    if not first and author is None:
        raise AuthorNeeded
    if author is not None:
        require(author, Permission.CONTENT_PROPOSE)
    revision = store.add(
        session,
        bundle.digest,
        _rows_document(bundle.rows()),
        _documents(wanted),
        author.person_id if author else None,
    )
    if first:
        _write(session, bundle.rows(), wanted)
        store.move(session, revision, RevisionStatus.LOADED, "system:first-load")
    return revision


def approve_revision(session: Session, actor: Actor, revision_id: UUID) -> ContentRevision:
    """A second person lets a revision be loaded, in this transaction.

    Raises:
        OwnRevision: the approver is the author.
        StaleRevision: the comparison gives another result than the one that was shown.
    """
    revision = store.lock(session, revision_id)
    require(actor, Permission.CONTENT_APPROVE)
    if revision.author_id == actor.person_id:
        raise OwnRevision
    if revision.status != RevisionStatus.PROPOSED:
        raise IllegalMove(f"This revision is {revision.status}.")
    wanted = {(kind, key): row for kind, key, row in revision.rows}
    found = compare(session, wanted)
    _refuse_conflicts(found)
    if _documents(changes(found)) != revision.differences:
        raise StaleRevision
    _write(session, wanted, changes(found))
    revision.approver_id = actor.person_id
    store.move(session, revision, RevisionStatus.LOADED, actor.audit_name)
    return revision


def reject_revision(session: Session, actor: Actor, revision_id: UUID, reason: str) -> ContentRevision:
    """A second person says no; nothing is loaded."""
    revision = store.lock(session, revision_id)
    require(actor, Permission.CONTENT_APPROVE)
    store.move(session, revision, RevisionStatus.REJECTED, actor.audit_name, reason)
    return revision


def _refuse_conflicts(found: Sequence[Difference]) -> None:
    against = conflicts(list(found))
    if against:
        named = ", ".join(
            f"{item.kind} {item.key}{f'.{item.field}' if item.field else ''}" for item in against
        )
        raise ContentConflict(
            f"Changed in the product since the last load: {named}.", conflicts=_documents(against)
        )


def _write(session: Session, wanted: Rows, found: Sequence[Difference]) -> None:
    removed = {(item.kind, item.key) for item in found if item.verdict is Verdict.REMOVE}
    written = {(item.kind, item.key) for item in found} - removed
    for kind, key in sorted(written, key=row_order):
        _WRITERS[kind](session, kind, key, wanted[kind, key])
    for kind, key in sorted(removed, key=row_order, reverse=True):
        _WRITERS[kind](session, kind, key, None)


def _rows_document(rows: Rows) -> list[list[Any]]:
    return [[kind, key, _plain(row)] for (kind, key), row in rows.items()]


def _documents(found: Sequence[Difference]) -> list[dict[str, Any]]:
    return [
        {
            "kind": item.kind,
            "key": item.key,
            "field": item.field,
            "before": _plain(item.before),
            "after": _plain(item.after),
            "verdict": item.verdict.value,
        }
        for item in found
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if hasattr(value, "items"):
        return {name: _plain(inner) for name, inner in value.items()}
    return value
