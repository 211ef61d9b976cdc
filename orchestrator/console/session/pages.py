"""Signing in and out."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response

from orchestrator.api.deps import TheService, TheSession
from orchestrator.api.people import open_session
from orchestrator.console.frame.render import render
from orchestrator.console.frame.visit import go
from orchestrator.console.session.views import SignInPage
from orchestrator.departments.errors import AccountLocked, WrongCredentials
from orchestrator.workflows.people import accounts

router = APIRouter(prefix="/console", include_in_schema=False)

HOME = "/console/"
UNAUTHORIZED = 401


def local_path(path: str) -> str:
    """Return `path` if it is a page of the console, else the home page: never another site."""
    is_page = path.startswith("/console/") and not any(mark in path for mark in ("\\", "//", "\r", "\n"))
    return path if is_page else HOME


@router.get("/sign-in")
def show_sign_in(
    request: Request, next_: Annotated[str, Query(alias="next", max_length=500)] = HOME
) -> Response:
    """Show the sign-in form."""
    return render(request, "session/sign_in.html", page=SignInPage(next=local_path(next_)))


@router.post("/sign-in")
def sign_in(
    request: Request,
    service: TheService,
    username: Annotated[str, Form(max_length=100)] = "",
    password: Annotated[str, Form(max_length=200)] = "",
    next_: Annotated[str, Form(alias="next", max_length=500)] = HOME,
) -> Response:
    """Open a browser session and redirect to the requested page."""
    target = local_path(next_)
    response = go(target)
    try:
        open_session(username.strip(), password, response, service)
    except (WrongCredentials, AccountLocked) as error:
        locked = isinstance(error, AccountLocked)
        page = SignInPage(next=target, username=username, failed=not locked, locked=locked)
        return render(request, "session/sign_in.html", status=UNAUTHORIZED, page=page)
    return response


@router.post("/sign-out")
def sign_out(request: Request, service: TheService, session: TheSession) -> Response:
    """End the browser session."""
    secret = request.cookies.get(service.cookie)
    if secret is not None:
        accounts.sign_out(session, secret)
    response = go("/console/sign-in", "signed_out")
    response.delete_cookie(service.cookie, path="/", httponly=True, samesite="lax")
    return response
