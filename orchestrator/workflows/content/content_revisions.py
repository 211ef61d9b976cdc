"""Content from Git: compare, load into an empty database, or propose a revision to a second person.

A load never overwrites a newer change that was approved in the product (domain §6.13): the
comparison has three sides, and a conflict refuses the whole revision.
"""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlmodel import Session

from orchestrator.catalogue import content_rows as catalogue_rows
from orchestrator.content import queries, store
from orchestrator.content.authorities import Authority, authorities_over
from orchestrator.content.bundle import ContentBundle, Rows, row_order
from orchestrator.content.differences import Difference, Verdict, changes, conflicts, differences
from orchestrator.content.errors import AuthorNeeded, ContentConflict, OwnRevision, StaleRevision
from orchestrator.content.lifecycle import RevisionStatus
from orchestrator.content.models import ContentRevision
from orchestrator.core import audit
from orchestrator.core.errors import IllegalTransition, NotPermitted
from orchestrator.departments import content_rows as department_rows
from orchestrator.departments.permissions import Actor, Permission, require
from orchestrator.quotas import content_rows as quota_rows
from orchestrator.systems import content_rows as system_rows

_PARTS = (department_rows, quota_rows, catalogue_rows, system_rows)
_APPROVAL_PERMISSIONS = {
    Authority.FINANCE: Permission.CONTENT_APPROVE_MONEY,
    Authority.SMART_CITY_OFFICE: Permission.CONTENT_APPROVE_LIMITS,
}
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
        store.transition(session, revision, RevisionStatus.LOADED, "system:first-load")
    return revision


def approve_revision(session: Session, actor: Actor, revision_id: UUID) -> ContentRevision:
    """A second person agrees for each authority that they stand for; the last one's yes loads the revision.

    Finance decides on prices and budgets, the smart-city office on the rest (domain §6.13).

    Raises:
        NotPermitted: no part of the revision is this person's to decide, or it is decided already.
        OwnRevision: the approver is the author.
        StaleRevision: the comparison gives another result than the one that was shown.
    """
    revision = store.lock(session, revision_id)
    own = _authorities_of(actor, revision)
    if revision.author_id == actor.person_id:
        raise OwnRevision
    if revision.status != RevisionStatus.PROPOSED:
        raise IllegalTransition(f"This revision is {revision.status}.")
    missing = set(waits_for(session, revision))
    if missing.isdisjoint(own):
        raise NotPermitted(f"This revision waits for {', '.join(sorted(missing))}.")
    wanted = {(kind, key): row for kind, key, row in revision.rows}
    found = compare(session, wanted)
    _refuse_conflicts(found)
    if _documents(changes(found)) != revision.differences:
        raise StaleRevision
    agreed = missing.intersection(own)
    store.approve(session, revision, sorted(agreed), actor.person_id)
    _note_approval(session, revision, actor, agreed)
    if agreed == missing:
        _write(session, wanted, changes(found))
        store.transition(session, revision, RevisionStatus.LOADED, actor.audit_name)
    return revision


def waits_for(session: Session, revision: ContentRevision) -> tuple[Authority, ...]:
    """The authorities that have still to agree to a proposed revision; none for any other."""
    if revision.status != RevisionStatus.PROPOSED:
        return ()
    given = queries.approved_by(session, revision.id)
    return tuple(item for item in authorities_over(revision.differences) if item not in given)


def reject_revision(session: Session, actor: Actor, revision_id: UUID, reason: str) -> ContentRevision:
    """A second person says no; nothing is loaded."""
    revision = store.lock(session, revision_id)
    _authorities_of(actor, revision)
    store.transition(session, revision, RevisionStatus.REJECTED, actor.audit_name, reason)
    return revision


def _authorities_of(actor: Actor, revision: ContentRevision) -> tuple[Authority, ...]:
    own = tuple(
        item for item in authorities_over(revision.differences) if actor.may(_APPROVAL_PERMISSIONS[item])
    )
    if not own:
        raise NotPermitted("No part of this revision is yours to decide.")
    return own


def _note_approval(
    session: Session, revision: ContentRevision, actor: Actor, agreed: Collection[Authority]
) -> None:
    facts = {"number": revision.number, "digest": revision.digest, "for": sorted(agreed)}
    audit.record(
        session,
        "content_revision:approved",
        ("content_revision", revision.id),
        actor=actor.audit_name,
        data=facts,
    )


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
