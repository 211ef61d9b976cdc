"""Dependencies of routes: the service's parts, a transaction, the actor, the expected version."""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Protocol

from fastapi import Depends, Header, Query, Request, Response
from sqlalchemy import Engine
from sqlmodel import Session

from orchestrator.adapters.run_log_hub import RunLogHub
from orchestrator.api.admission import Admission
from orchestrator.core import idempotency
from orchestrator.core.db import transaction
from orchestrator.core.errors import BadInput, NotSignedIn
from orchestrator.core.idempotency import KeyedCall
from orchestrator.core.sealing import Keys
from orchestrator.departments.permissions import Actor
from orchestrator.policies.pack import PolicyPack
from orchestrator.settings import Settings
from orchestrator.workflows.people import accounts

SESSION_COOKIE = "govcloud_session"
SECURE_SESSION_COOKIE = "__Host-govcloud_session"
HIGHEST = 2**63 - 1
"""The highest number of a database counter."""


@dataclass(frozen=True)
class Service:
    """The parts that `wiring` built for one web process."""

    engine: Engine
    settings: Settings
    keys: Keys
    pack: PolicyPack
    logs: RunLogHub
    admission: Admission

    @property
    def cookie(self) -> str:
        """Return the name of the session cookie; the ``__Host-`` prefix needs https."""
        return SECURE_SESSION_COOKIE if self.settings.secure_cookies else SESSION_COOKIE

    @property
    def idle(self) -> timedelta:
        """Return the time without requests after which a browser session ends."""
        return timedelta(minutes=self.settings.session_idle_minutes)


def service_of(request: Request) -> Service:
    """Return the parts of this process."""
    service: Service = request.app.state.service
    return service


async def get_service(request: Request) -> Service:
    """Return the parts of this process, as a dependency that needs no thread."""
    return service_of(request)


TheService = Annotated[Service, Depends(get_service)]


async def hold_slot(service: TheService) -> AsyncIterator[None]:
    """Hold a slot from before the first database connection until the response is ready."""
    async with service.admission.slot():
        yield


def get_session(service: TheService) -> Iterator[Session]:
    """Yield the transaction of the request; it is committed before the response is sent."""
    with transaction(service.engine) as session:
        yield session


TheSession = Annotated[Session, Depends(get_session, scope="function")]


def find_actor(request: Request, service: TheService, session: TheSession) -> Actor:
    """Return the actor: by bearer token, else by browser session.

    Raises:
        NotSignedIn: neither was sent, or it is not valid.
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
    """Return the version in If-Match, ``"3"`` or ``W/"3"``; None without the header.

    Raises:
        BadInput: the header holds no version.
    """
    if if_match is None:
        return None
    version = whole_number(if_match.strip().removeprefix("W/").strip('"'))
    if version is None:
        raise BadInput("If-Match must be the ETag that you read.", field="If-Match")
    return version


def whole_number(text: str) -> int | None:
    """Return a text of digits as a number within the database's range; None for any other text."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


def next_page(request: Request, cursor: object) -> str:
    """Return the address of the next page, with all filters of this one, after `cursor`."""
    following = request.url.include_query_params(cursor=cursor)
    return f"{following.path}?{following.query}"


async def read_body(request: Request) -> bytes:
    """Return the raw body, for idempotent calls that are compared byte by byte."""
    return await request.body()


TheBody = Annotated[bytes, Depends(read_body)]
NumberCursor = Annotated[str | None, Query(max_length=30)]
"""The number, such as ``GC-2019-0001``, after which the page begins."""
CountCursor = Annotated[int | None, Query(ge=0, le=HIGHEST)]
"""The count after which the page begins."""
TheVersion = Annotated[int | None, Depends(read_version)]
IdempotencyKeyHeader = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]


class Numbered(Protocol):
    """A row with a number, such as ``GC-2019-0001``."""

    number: str


@dataclass(frozen=True)
class NumberPage:
    """The requested page of a list that is ordered by number."""

    request: Request
    cursor: NumberCursor = None
    limit: Annotated[int, Query(ge=1, le=200)] = 50

    def link(self, rows: Sequence[Numbered]) -> str | None:
        """Return the address of the page after these rows, or None if they do not fill this one."""
        return next_page(self.request, rows[-1].number) if len(rows) == self.limit else None


TheNumberPage = Annotated[NumberPage, Depends()]


@dataclass(frozen=True)
class Repeatable:
    """A call that its client may send again with the same idempotency key."""

    actor: TheActor
    session: TheSession
    payload: TheBody
    response: Response
    key: IdempotencyKeyHeader = None

    def once(self, name: str, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Run `act`, or return its stored answer to an earlier call; the answer's version is the ETag."""
        call = KeyedCall(self.actor.person_id, self.key, name, self.payload)
        answer = idempotency.once(self.session, call, act)
        if answer.replayed:
            self.response.headers["Idempotent-Replayed"] = "true"
        if "version" in answer.body:
            self.response.headers["ETag"] = f'"{answer.body["version"]}"'
        return answer.body


TheRepeatable = Annotated[Repeatable, Depends()]
