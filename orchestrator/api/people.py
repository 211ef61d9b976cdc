"""Sign-in, the own person, and tokens."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from orchestrator.api.deps import TheActor, TheService, TheSession
from orchestrator.api.shapes import Shape
from orchestrator.core.db import transaction
from orchestrator.departments import queries
from orchestrator.departments.errors import WrongCredentials
from orchestrator.departments.permissions import Permission, Role
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
