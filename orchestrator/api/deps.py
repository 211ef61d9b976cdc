"""What every route is given: the service's parts, a transaction, the person who acts, the version read."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Header, Query, Request
from sqlalchemy import Engine
from sqlmodel import Session

from orchestrator.adapters.run_log_hub import RunLogHub
from orchestrator.api.admission import Admission
from orchestrator.core.db import transaction
from orchestrator.core.errors import BadInput, NotSignedIn
from orchestrator.core.sealing import Keys
from orchestrator.departments.permissions import Actor
from orchestrator.policies.pack import PolicyPack
from orchestrator.settings import Settings
from orchestrator.workflows.people import accounts

SESSION_COOKIE = "govcloud_session"
SECURE_SESSION_COOKIE = "__Host-govcloud_session"
HIGHEST = 2**63 - 1
"""The highest number that the database counts to."""


@dataclass(frozen=True)
class Service:
    """The parts that `wiring` put together for one web process."""

    engine: Engine
    settings: Settings
    keys: Keys
    pack: PolicyPack
    logs: RunLogHub
    admission: Admission

    @property
    def cookie(self) -> str:
        """The name of the session cookie; the ``__Host-`` prefix needs https."""
        return SECURE_SESSION_COOKIE if self.settings.secure_cookies else SESSION_COOKIE

    @property
    def idle(self) -> timedelta:
        """After so long without a request a browser session is over."""
        return timedelta(minutes=self.settings.session_idle_minutes)


def service_of(request: Request) -> Service:
    """The parts of this process."""
    service: Service = request.app.state.service
    return service


async def get_service(request: Request) -> Service:
    """The same as a dependency that needs no thread."""
    return service_of(request)


TheService = Annotated[Service, Depends(get_service)]


async def hold_slot(service: TheService) -> AsyncIterator[None]:
    """Hold a slot from before the first connection is taken until the answer is ready to be sent."""
    async with service.admission.slot():
        yield


def get_session(service: TheService) -> Iterator[Session]:
    """One transaction for the request, committed before the answer leaves."""
    with transaction(service.engine) as session:
        yield session


TheSession = Annotated[Session, Depends(get_session, scope="function")]


def find_actor(request: Request, service: TheService, session: TheSession) -> Actor:
    """Who acts: by bearer token, else by the browser's session.

    Raises:
        NotSignedIn: neither is there, or it is not valid.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return accounts.actor_of_token(session, token.strip())
    secret = request.cookies.get(service.cookie)
    if secret is None:
        raise NotSignedIn
    return accounts.actor_of_session(session, secret, service.idle)


TheActor = Annotated[Actor, Depends(find_actor)]


def read_version(if_match: Annotated[str | None, Header()] = None) -> int | None:
    """The version in If-Match, ``"3"`` or ``W/"3"``; None where the header is absent.

    Raises:
        BadInput: the header is not a version of ours.
    """
    if if_match is None:
        return None
    version = whole_number(if_match.strip().removeprefix("W/").strip('"'))
    if version is None:
        raise BadInput("If-Match must be the ETag that you read.", field="If-Match")
    return version


def whole_number(text: str) -> int | None:
    """The number that the digits 0 to 9 spell, as far as the database counts; None for any other text."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


def next_page(request: Request, cursor: object) -> str:
    """The address of the next page: this one with all its filters, from `cursor` on."""
    asked = request.url.include_query_params(cursor=cursor)
    return f"{asked.path}?{asked.query}"


async def read_body(request: Request) -> bytes:
    """The raw body, for calls that are compared byte by byte."""
    return await request.body()


TheBody = Annotated[bytes, Depends(read_body)]
NumberCursor = Annotated[str | None, Query(max_length=30)]
"""The number, such as ``GC-2019-0001``, behind which the next page begins."""
CountCursor = Annotated[int | None, Query(ge=0, le=HIGHEST)]
"""The count behind which the next page begins."""
TheVersion = Annotated[int | None, Depends(read_version)]
IdempotencyKeyHeader = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]
