"""Reads of resources and drift cases."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlmodel import Session, col, select

from orchestrator.core.rows import get_row
from orchestrator.resources.lifecycle import BEGUN, DriftStatus, ResourceStatus
from orchestrator.resources.models import DriftCase, Resource


def get(session: Session, resource_id: UUID) -> Resource:
    """Return a resource.

    Raises:
        NotFound: No such resource exists.
    """
    return get_row(session, Resource, resource_id)


def page(
    session: Session, *, organisation: str | None = None, after: UUID | None = None, limit: int = 100
) -> Sequence[Resource]:
    """Return unreleased resources, oldest first; `after` is the last id of the previous page."""
    order = (col(Resource.created_at), col(Resource.id))
    statement = (
        select(Resource).where(Resource.status != ResourceStatus.RELEASED).order_by(*order).limit(limit)
    )
    if organisation is not None:
        statement = statement.where(Resource.organisation_code == organisation)
    if after is not None:
        last = get(session, after)
        statement = statement.where(
            (order[0] > last.created_at) | ((order[0] == last.created_at) & (order[1] > after))
        )
    return session.exec(statement).all()


def of_workspace(session: Session, workspace_id: UUID, *, released: bool = False) -> Sequence[Resource]:
    """Return the resources of a workspace, ordered by address."""
    statement = select(Resource).where(Resource.workspace_id == workspace_id).order_by(Resource.address)
    if not released:
        statement = statement.where(Resource.status != ResourceStatus.RELEASED)
    return session.exec(statement).all()


def unfinished(session: Session, workspace_ids: Collection[UUID]) -> Sequence[Resource]:
    """Return the resources that an apply began to create, change or release and did not finish."""
    return session.exec(
        select(Resource)
        .where(col(Resource.workspace_id).in_(workspace_ids), col(Resource.status).in_(BEGUN))
        .order_by(Resource.address)
    ).all()


def of_request(session: Session, request_id: UUID, organisation: str | None = None) -> Sequence[Resource]:
    """Return the resources that a request created; none if it is not of the named organisation."""
    statement = select(Resource).where(Resource.request_id == request_id).order_by(Resource.address)
    if organisation is not None:
        statement = statement.where(Resource.organisation_code == organisation)
    return session.exec(statement).all()


def open_drift(session: Session, organisation: str | None = None) -> Sequence[DriftCase]:
    """Return the open drift cases, newest first."""
    statement = (
        select(DriftCase)
        .where(DriftCase.status == DriftStatus.OPEN)
        .order_by(col(DriftCase.opened_at).desc())
    )
    if organisation is not None:
        statement = statement.where(DriftCase.organisation_code == organisation)
    return session.exec(statement).all()
