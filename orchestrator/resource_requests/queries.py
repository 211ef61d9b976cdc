"""Reads of resource requests."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, func, tuple_
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, or_, select

from orchestrator.core.rows import get_row
from orchestrator.resource_requests.lifecycle import HOLDING
from orchestrator.resource_requests.models import RequestComment, RequestLine, ResourceRequest


def get(session: Session, request_id: UUID) -> ResourceRequest:
    """Return a request.

    Raises:
        NotFound: there is no such request.
    """
    return get_row(session, ResourceRequest, request_id)


def lines(session: Session, request_id: UUID) -> Sequence[RequestLine]:
    """Return the lines of a request in their order."""
    statement = select(RequestLine).where(RequestLine.request_id == request_id)
    return session.exec(statement.order_by(col(RequestLine.position))).all()


def comments(session: Session, request_id: UUID) -> Sequence[RequestComment]:
    """Return the comments on a request, oldest first."""
    statement = select(RequestComment).where(RequestComment.request_id == request_id)
    return session.exec(statement.order_by(col(RequestComment.at))).all()


def holding(session: Session, workspace_id: UUID) -> Sequence[ResourceRequest]:
    """Return the changes and releases of a workspace that have a hold."""
    statement = select(ResourceRequest).where(ResourceRequest.target_workspace_id == workspace_id)
    return session.exec(statement.where(col(ResourceRequest.status).in_(HOLDING))).all()


@dataclass(frozen=True)
class Filter:
    """Conditions on requests; an empty one lets all pass. `text` occurs in number, title or a code."""

    organisation: str | None = None
    statuses: Collection[str] = ()
    text: str = ""

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions as SQL."""
        conditions: list[ColumnElement[bool]] = []
        if self.organisation is not None:
            conditions.append(col(ResourceRequest.organisation_code) == self.organisation)
        if self.statuses:
            conditions.append(col(ResourceRequest.status).in_(self.statuses))
        if self.text:
            conditions.append(or_(*(column.icontains(self.text, autoescape=True) for column in _searched())))
        return conditions


def _searched() -> tuple[Mapped[str] | Mapped[str | None], ...]:
    return (
        col(ResourceRequest.number),
        col(ResourceRequest.title),
        col(ResourceRequest.organisation_code),
        col(ResourceRequest.system_code),
    )


def page(
    session: Session, chosen: Filter, *, before: str | None = None, limit: int = 50
) -> Sequence[ResourceRequest]:
    """Return requests, newest number first; `before` is the last number of the previous page."""
    order = (func.length(ResourceRequest.number), col(ResourceRequest.number))
    statement = select(ResourceRequest).where(*chosen.conditions())
    if before is not None:
        statement = statement.where(tuple_(*order) < tuple_(func.length(before), before))
    return session.exec(statement.order_by(order[0].desc(), order[1].desc()).limit(limit)).all()


def count(session: Session, chosen: Filter) -> int:
    """Return the number of requests that pass the filter."""
    return session.exec(select(func.count()).select_from(ResourceRequest).where(*chosen.conditions())).one()
