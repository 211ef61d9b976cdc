"""Reads of resource requests."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import func, tuple_
from sqlmodel import Session, col, or_, select

from orchestrator.core.rows import get_row
from orchestrator.resource_requests.lifecycle import HOLDING
from orchestrator.resource_requests.models import RequestComment, RequestLine, ResourceRequest


def get(session: Session, request_id: UUID) -> ResourceRequest:
    """One request.

    Raises:
        NotFound: there is none.
    """
    return get_row(session, ResourceRequest, request_id)


def lines(session: Session, request_id: UUID) -> Sequence[RequestLine]:
    """A request's lines in their order."""
    statement = select(RequestLine).where(RequestLine.request_id == request_id)
    return session.exec(statement.order_by(col(RequestLine.position))).all()


def comments(session: Session, request_id: UUID) -> Sequence[RequestComment]:
    """What people said, oldest first."""
    statement = select(RequestComment).where(RequestComment.request_id == request_id)
    return session.exec(statement.order_by(col(RequestComment.at))).all()


def holding(session: Session, workspace_id: UUID) -> Sequence[ResourceRequest]:
    """The changes and releases of a workspace that hold something now."""
    statement = select(ResourceRequest).where(ResourceRequest.target_workspace_id == workspace_id)
    return session.exec(statement.where(col(ResourceRequest.status).in_(HOLDING))).all()


def page(
    session: Session,
    *,
    organisation: str | None = None,
    statuses: Collection[str] = (),
    search: str = "",
    before: str | None = None,
    limit: int = 50,
) -> Sequence[ResourceRequest]:
    """Requests, newest number first; `before` is the last number of the page before (keyset)."""
    order = (func.length(ResourceRequest.number), col(ResourceRequest.number))
    statement = select(ResourceRequest).order_by(order[0].desc(), order[1].desc()).limit(limit)
    if organisation is not None:
        statement = statement.where(ResourceRequest.organisation_code == organisation)
    if statuses:
        statement = statement.where(col(ResourceRequest.status).in_(statuses))
    if search:
        matches = [
            column.icontains(search, autoescape=True)
            for column in (
                col(ResourceRequest.number),
                col(ResourceRequest.title),
                col(ResourceRequest.organisation_code),
                col(ResourceRequest.system_code),
            )
        ]
        statement = statement.where(or_(*matches))
    if before is not None:
        statement = statement.where(tuple_(*order) < tuple_(func.length(before), before))
    return session.exec(statement).all()


def count(session: Session, *, organisation: str | None = None, statuses: Collection[str] = ()) -> int:
    """How many requests stand in one of `statuses`."""
    statement = select(func.count()).select_from(ResourceRequest)
    if organisation is not None:
        statement = statement.where(ResourceRequest.organisation_code == organisation)
    if statuses:
        statement = statement.where(col(ResourceRequest.status).in_(statuses))
    return session.exec(statement).one()
