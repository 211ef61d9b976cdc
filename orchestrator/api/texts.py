"""Check every text of a call once, for every route."""

from collections.abc import Iterable

from fastapi import Request
from fastapi.params import Form
from starlette.exceptions import HTTPException

from orchestrator.core.errors import BadInput
from orchestrator.core.texts import require_storable

TOO_MANY_FIELDS = "表单的字段过多或过长，没有保存任何内容。"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


async def require_storable_texts(request: Request) -> None:
    """Refuse a call with a text in the path, the query or the body that cannot be stored.

    The body is then read to its end. Headers need no check: the server refuses NUL in them, and reads every
    other byte as a character of Latin-1.

    Raises:
        UnstorableText: names the fields.
    """
    body = await _sent_fields(request)
    require_storable([*request.path_params.items(), *request.query_params.multi_items(), *body])


async def _sent_fields(request: Request) -> Iterable[tuple[str, object]]:
    """Return the fields of the body: of a form, or of a JSON document."""
    body_field = request.scope["route"].body_field
    if body_field is None or not isinstance(body_field.field_info, Form):
        # A route that reads its own form parses these bytes.
        await request.body()
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() in FORMS:
        return await _form_fields(request)
    return await _document_fields(request) if body_field is not None else ()


async def _form_fields(request: Request) -> Iterable[tuple[str, object]]:
    try:
        return (await request.form()).multi_items()
    except HTTPException as error:
        raise BadInput(str(error.detail), detail_zh=TOO_MANY_FIELDS) from None


async def _document_fields(request: Request) -> Iterable[tuple[str, object]]:
    try:
        # FastAPI has parsed it already, and the request keeps the result.
        document = await request.json()
    except (ValueError, RecursionError):
        # Not sent as JSON. FastAPI validates the bytes, and refuses them with the names of the fields.
        return ()
    return document.items() if isinstance(document, dict) else [("body", document)]
