"""Content from Git: compare, load into an empty database, or propose a revision to a second person.

A load never overwrites a newer change made in the product (domain §6.13): the comparison is three-way, and a
single conflict refuses the whole revision.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlmodel import Session

from orchestrator.catalogue import content_rows as catalogue_rows
from orchestrator.content import queries, store
from orchestrator.content.authorities import Authority, authorities_over
from orchestrator.content.bundle import ContentBundle, Rows, row_order
from orchestrator.content.differences import Difference, Verdict, changes, conflicts, differences
from orchestrator.content.errors import AuthorNeeded, ContentConflict, StaleRevision
from orchestrator.content.lifecycle import RevisionStatus
from orchestrator.content.models import ContentRevision
from orchestrator.core import audit
from orchestrator.core.events import Event
from orchestrator.departments import content_rows as department_rows
from orchestrator.departments.permissions import Actor, Permission, require
from orchestrator.quotas import content_rows as quota_rows
from orchestrator.systems import content_rows as system_rows
from orchestrator.workflows.act import Call
from orchestrator.workflows.content.queries import authorities_of

_PARTS = (department_rows, quota_rows, catalogue_rows, system_rows)
_WRITERS = {kind: part.write for part in _PARTS for kind in part.KINDS}


def current_rows(session: Session) -> Rows:
    """Return all stored rows that a load can change."""
    return {key: row for part in _PARTS for key, row in part.read(session)}


def compare(session: Session, wanted: Rows) -> list[Difference]:
    """Return the differences between `wanted` and the database, each with the action of a load."""
    last = store.last_loaded(session)
    base = {(kind, key): row for kind, key, row in last.rows} if last else None
    return differences(current_rows(session), wanted, base)


def load_content(session: Session, bundle: ContentBundle, author: Actor | None) -> ContentRevision | None:
    """Load the content into an empty database, else propose a revision; return None when nothing changes.

    Raises:
        ContentConflict: the files would overwrite changes made in the product; the error names all of them.
        AuthorNeeded: the database is not empty and no author is given.
    """
    compared = compare(session, bundle.rows())
    _refuse_conflicts(compared)
    wanted = changes(compared)
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


def approve_revision(call: Call, revision: ContentRevision) -> ContentRevision:
    """Approve the revision for your authorities; the last approval loads it.

    Raises:
        ContentConflict: rows were changed in the product since the proposal.
        StaleRevision: the comparison has changed since the proposal.
    """
    session, actor = call.session, call.actor
    wanted = {(kind, key): row for kind, key, row in revision.rows}
    compared = compare(session, wanted)
    _refuse_conflicts(compared)
    if _documents(changes(compared)) != revision.differences:
        raise StaleRevision
    missing = set(waits_for(session, revision))
    approved = missing.intersection(authorities_of(actor))
    store.approve(session, revision, sorted(approved), actor.person_id)
    _note_approval(session, revision, actor, approved)
    if approved == missing:
        _write(session, wanted, changes(compared))
        store.transition(session, revision, RevisionStatus.LOADED, actor.audit_name)
    return revision


def reject_revision(call: Call, revision: ContentRevision) -> ContentRevision:
    """Reject the revision; it is not loaded."""
    store.transition(call.session, revision, RevisionStatus.REJECTED, call.actor.audit_name, call.reason)
    return revision


def waits_for(session: Session, revision: ContentRevision) -> tuple[Authority, ...]:
    """Return the authorities whose approval a proposed revision lacks; empty for every other status."""
    if revision.status != RevisionStatus.PROPOSED:
        return ()
    approvals = queries.approved_by(session, revision.id)
    needed = authorities_over(revision.differences)
    return tuple(authority for authority in needed if authority not in approvals)


def _note_approval(
    session: Session, revision: ContentRevision, actor: Actor, approved: Collection[Authority]
) -> None:
    facts = {"number": revision.number, "digest": revision.digest, "for": sorted(approved)}
    audit.record(
        session,
        Event(
            "content_revision:approved", ("content_revision", revision.id), actor=actor.audit_name, data=facts
        ),
    )


def _refuse_conflicts(compared: Sequence[Difference]) -> None:
    conflicting = conflicts(compared)
    if conflicting:
        names = ", ".join(
            f"{row.kind} {row.key}{f'.{row.field}' if row.field else ''}" for row in conflicting
        )
        raise ContentConflict(
            f"Changed in the product since the last load: {names}. Take these values over into the files.",
            conflicts=_documents(conflicting),
            detail_zh=f"上次加载后系统内已修改：{names}。请先将这些修改并入文件再加载",
        )


def _write(session: Session, wanted: Rows, changed: Sequence[Difference]) -> None:
    removed = {(change.kind, change.key) for change in changed if change.verdict is Verdict.REMOVE}
    written = {(change.kind, change.key) for change in changed} - removed
    for kind, key in sorted(written, key=row_order):
        _WRITERS[kind](session, kind, key, wanted[kind, key])
    for kind, key in sorted(removed, key=row_order, reverse=True):
        _WRITERS[kind](session, kind, key, None)


def _rows_document(rows: Rows) -> list[list[Any]]:
    return [[kind, key, _plain(row)] for (kind, key), row in rows.items()]


def _documents(compared: Sequence[Difference]) -> list[dict[str, Any]]:
    return [
        {
            "kind": row.kind,
            "key": row.key,
            "field": row.field,
            "before": _plain(row.before),
            "after": _plain(row.after),
            "verdict": row.verdict.value,
        }
        for row in compared
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if hasattr(value, "items"):
        return {name: _plain(inner) for name, inner in value.items()}
    return value
