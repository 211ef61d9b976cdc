"""Conditions of the acts on content revisions, as SQL."""

from typing import Any, Final

from sqlalchemy import ColumnElement, and_, false, func, or_, text
from sqlmodel import col, select

from orchestrator.content.authorities import MONEY, Authority
from orchestrator.content.models import ContentApproval, ContentRevision
from orchestrator.departments.permissions import Actor, Permission

APPROVAL_PERMISSIONS: Final = {
    Authority.FINANCE: Permission.CONTENT_APPROVE_MONEY,
    Authority.SMART_CITY_OFFICE: Permission.CONTENT_APPROVE_LIMITS,
}
_IS_MONEY: Final = " || ".join(f'@.kind == "{kind}"' for kind in sorted(MONEY))
_CONCERNED: Final = {Authority.FINANCE: f"({_IS_MONEY})", Authority.SMART_CITY_OFFICE: f"!({_IS_MONEY})"}
"""Which differences concern the authority, as a filter of a JSON path."""


def authorities_of(actor: Actor) -> tuple[Authority, ...]:
    """Return the authorities that the actor represents."""
    return tuple(authority for authority, permission in APPROVAL_PERMISSIONS.items() if actor.may(permission))


def concerns_their_authority(actor: Actor) -> ColumnElement[bool]:
    """Select revisions with a change that an authority of the actor decides on."""
    return or_(false(), *map(_concerns, authorities_of(actor)))


def lacks_their_approval(actor: Actor) -> ColumnElement[bool]:
    """Select revisions that still need the approval of an authority of the actor."""
    waiting = (and_(_concerns(authority), ~_approved_by(authority)) for authority in authorities_of(actor))
    return or_(false(), *waiting)


def _concerns(authority: Authority) -> ColumnElement[bool]:
    path = text(f"'$[*] ? ({_CONCERNED[authority]})'::jsonpath")
    return func.jsonb_path_exists(col(ContentRevision.differences), path)


def _approved_by(authority: Authority) -> Any:
    approved = select(ContentApproval.revision_id).where(
        ContentApproval.revision_id == ContentRevision.id, ContentApproval.authority == authority
    )
    return approved.exists()
