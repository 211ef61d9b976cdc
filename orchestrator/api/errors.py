"""Errors as RFC 9457 problems: business errors by their class, broken constraints by their name."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import DataError, IntegrityError
from starlette.exceptions import HTTPException

from orchestrator.core.errors import BadInput, BusinessError, NotPermitted
from orchestrator.runs.errors import PersonTwice

log = logging.getLogger(__name__)

PageFor = Callable[[Request, int, Exception], Awaitable[Response | None]]
"""Turn the problem of a console request into a page; None for any other request."""


class ForeignWrite(NotPermitted):
    """A write with a session must come from a page of this service. Use a token instead."""

    zh = "凭会话的写操作须由本平台页面发出；程序调用请使用令牌"


PERSON_CONSTRAINTS = ("another_person", "distinct_persons")


def problem(status: int, code: str, title: str, detail: str, **extra: Any) -> JSONResponse:
    """Return a problem document."""
    body = {
        "type": f"urn:govcloud:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
    } | extra
    return JSONResponse(body, status, media_type="application/problem+json")


def business_problem(error: BusinessError) -> JSONResponse:
    """Return a business error as a problem, with its field or rule."""
    extra = dict(error.extra) | {"title_zh": error.zh}
    if error.field is not None:
        extra["field"] = error.field
    return problem(error.status, error.code(), error.title, error.detail, **extra)


def constraint_error(error: IntegrityError) -> BusinessError:
    """Return the error for a broken database constraint."""
    name = str(getattr(getattr(error.orig, "diag", None), "constraint_name", "") or "")
    if any(word in name for word in PERSON_CONSTRAINTS):
        return PersonTwice(constraint=name)
    return BusinessError("The database refused the change because a rule would be broken.", constraint=name)


def wrong_fields(error: RequestValidationError) -> list[dict[str, str]]:
    """Return every wrong field by its path, with the reason; values are not echoed."""
    return [
        {
            "field": ".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0]),
            "message": item["msg"],
        }
        for item in error.errors()
    ]


def validation_problem(error: RequestValidationError) -> JSONResponse:
    """Return all wrong fields as one problem."""
    errors = wrong_fields(error)
    detail = "; ".join(f"{item['field']}: {item['message']}" for item in errors)
    return problem(
        422,
        "bad_input",
        "The input is not valid.",
        detail,
        errors=errors,
        field=errors[0]["field"] if errors else "",
    )


def install(app: FastAPI, page_for: PageFor) -> None:
    """Register the handlers. They are coroutines, so a refusal never waits for a thread."""

    async def answer(request: Request, response: JSONResponse, error: Exception) -> Response:
        shown = await page_for(request, response.status_code, error) or response
        if isinstance(error, BusinessError) and error.retry_after is not None:
            shown.headers["Retry-After"] = str(error.retry_after)
        return shown

    async def on_business(request: Request, error: Exception) -> Response:
        assert isinstance(error, BusinessError)  # noqa: S101 - the handler is registered for this class
        return await answer(request, business_problem(error), error)

    async def on_integrity(request: Request, error: Exception) -> Response:
        assert isinstance(error, IntegrityError)  # noqa: S101 - as above
        meaning = constraint_error(error)
        return await answer(request, business_problem(meaning), meaning)

    async def on_data(request: Request, error: Exception) -> Response:
        # The text of the error would repeat the input.
        kind = type(error.__cause__).__name__
        log.warning("%s %s was sent what cannot be stored: %s", request.method, request.url.path, kind)
        meaning = BadInput("It holds a sign or a number that cannot be stored.")
        return await answer(request, business_problem(meaning), meaning)

    async def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
        return await answer(request, validation_problem(error), error)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - as above
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
        shown = problem(error.status_code, code, str(error.detail), str(error.detail))
        return await answer(request, shown, error)

    async def on_bug(request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        shown = problem(500, "internal_error", "The service made an error.", "It was logged.")
        return await answer(request, shown, error)

    app.add_exception_handler(BusinessError, on_business)
    app.add_exception_handler(IntegrityError, on_integrity)
    app.add_exception_handler(DataError, on_data)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_bug)
