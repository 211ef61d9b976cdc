"""Sign-in, the own person, tokens, and the accounts of all people."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session

from orchestrator.api.acts import Answer, add_routes
from orchestrator.api.deps import TheActor, TheService, TheSession, next_page
from orchestrator.api.shapes import Page, Shape
from orchestrator.core.clock import today
from orchestrator.core.db import transaction
from orchestrator.departments import queries
from orchestrator.departments.errors import WrongCredentials
from orchestrator.departments.lifecycle import PersonStatus
from orchestrator.departments.models import Person
from orchestrator.departments.permissions import Permission, Role, require
from orchestrator.workflows.act import Call
from orchestrator.workflows.nouns import PEOPLE
from orchestrator.workflows.people import accounts

router = APIRouter(tags=["people"])

Scopes = Annotated[list[str], Field(json_schema_extra={"items": {"$ref": "#/components/schemas/Permission"}})]
"""Permissions. The workflow refuses an unknown one together with those that the person does not have."""


class Credentials(BaseModel):
    """A local account."""

    model_config = ConfigDict(extra="forbid")

    username: Annotated[str, Field(max_length=100)]
    password: Annotated[str, Field(max_length=200)]


class TokenBody(BaseModel):
    """A new token; an empty list of scopes grants no rights."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    scopes: Scopes
    expires_in_days: Annotated[float, Field(gt=0, le=365)] = 30


class TokenDetail(Shape):
    """A token without its secret."""

    id: UUID
    name: str
    scopes: list[Permission]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class NewToken(TokenDetail):
    """A token with its secret, which is shown only once."""

    token: str


class OwnRights(BaseModel):
    """The person who calls."""

    person_id: UUID
    name: str
    name_en: str
    organisation: str
    roles: list[Role]
    permissions: list[Permission]


class PersonDetail(Shape):
    """A person with the roles of today; `version` is the ETag."""

    id: UUID
    username: str
    name_zh: str
    name_en: str
    organisation_code: str
    status: PersonStatus
    status_at: datetime
    version: int
    roles: list[Role]


class PersonPage(Page):
    """People, by user name."""

    items: list[PersonDetail]


@router.post("/session", status_code=204)
def sign_in(body: Credentials, response: Response, service: TheService) -> None:
    """Open a browser session; the cookie is HttpOnly."""
    response.headers["Cache-Control"] = "no-store"
    open_session(body.username, body.password, response, service)


def open_session(username: str, password: str, response: Response, service: TheService) -> None:
    """Sign in and set the cookie; a wrong password is counted although the sign-in is rolled back.

    Raises:
        WrongCredentials: name or password is wrong.
    """
    lasts = timedelta(hours=service.settings.session_hours)
    try:
        with transaction(service.engine) as session:
            secret, _ = accounts.sign_in(session, username, password, lasts)
    except WrongCredentials:
        with transaction(service.engine) as session:
            accounts.count_wrong_password(session, username)
        raise
    response.set_cookie(
        service.cookie,
        secret,
        max_age=int(lasts.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=service.settings.secure_cookies,
    )


@router.get("/me")
def read_me(actor: TheActor) -> OwnRights:
    """Return your roles and permissions today, through this identity."""
    return OwnRights(
        person_id=actor.person_id,
        name=actor.name,
        name_en=actor.name_en,
        organisation=actor.organisation,
        roles=sorted(actor.roles),
        permissions=sorted(actor.permissions),
    )


@router.get("/tokens")
def list_tokens(actor: TheActor, session: TheSession) -> list[TokenDetail]:
    """List your tokens."""
    return [TokenDetail.model_validate(item) for item in queries.tokens_of(session, actor.person_id)]


@router.post("/tokens", status_code=201)
def create_token(body: TokenBody, actor: TheActor, session: TheSession, response: Response) -> NewToken:
    """Create a token; a token cannot create tokens with more rights than its own."""
    response.headers["Cache-Control"] = "no-store"
    secret, row = accounts.create_token(
        session, actor, body.name, body.scopes, timedelta(days=body.expires_in_days)
    )
    return NewToken(token=secret, **TokenDetail.model_validate(row).model_dump())


@router.delete("/tokens/{token_id}")
def revoke_token(token_id: UUID, actor: TheActor, session: TheSession) -> TokenDetail:
    """Revoke one of your tokens."""
    return TokenDetail.model_validate(accounts.revoke_token(session, actor, token_id))


def may_manage_people(actor: TheActor) -> None:
    """Let only administrators of accounts read the list of all people."""
    require(actor, Permission.PEOPLE_MANAGE)


@router.get("/people", dependencies=[Depends(may_manage_people)])
def list_people(
    asked: Request,
    session: TheSession,
    search: Annotated[str, Query(max_length=100)] = "",
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> PersonPage:
    """List people by user name; `search` is part of the user name or of a name."""
    people = queries.people_page(session, search, cursor, limit)
    link = next_page(asked, people[-1].username) if len(people) == limit else None
    return PersonPage(items=_shown(session, people), next=link)


@router.get("/people/{person_id}", dependencies=[Depends(may_manage_people)])
def read_person(person_id: UUID, session: TheSession) -> PersonDetail:
    """Return one person."""
    return _shown(session, [queries.person(session, person_id)])[0]


def _shown(session: Session, people: Sequence[Person]) -> list[PersonDetail]:
    roles = queries.roles_of(session, [person.id for person in people], today(session))
    return [
        PersonDetail.model_validate(person.model_dump() | {"roles": sorted(roles[person.id])})
        for person in people
    ]


def _changed(call: Call, person: Person) -> PersonDetail:
    return _shown(call.session, [person])[0]


add_routes(router, PEOPLE, {Person: Answer(200, PersonDetail, _changed)})
