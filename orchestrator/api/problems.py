"""Problems (RFC 9457) as the API document describes them: one shape for each status, with its members.

A member that an error can carry in `BusinessError.extra` has a field here; a test compares both.
"""

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel, Field

from orchestrator.api.content_shapes import ContentDifference
from orchestrator.api.request_shapes import RuleResult
from orchestrator.core.errors import BusinessError

PREFIX: Final = "urn:govcloud:problem:"
OUTSIDE: Final = ("cli", "console", "demo", "supervisor", "wiring")
"""The parts of the product whose errors no call of the API can raise."""


class Problem(BaseModel):
    """An error. `type` is its stable name, `title` describes the type, and `detail` this occurrence."""

    type: str
    title: str
    status: int
    detail: str
    title_zh: str | None = None
    detail_zh: str | None = None
    field: str | None = Field(default=None, description="Path of the first wrong field.")


class PermissionProblem(Problem):
    """Your roles, or your part in this matter, do not allow the call."""

    permission: str | None = Field(
        default=None, description="The permission that is missing; of several, joined by `or`, one is enough."
    )
    constraint: str | None = Field(default=None, description="The database constraint that refused the call.")


class ConflictProblem(Problem):
    """The status, a rule, an amount or a newer state refuses the call."""

    current: str | None = Field(default=None, description="The current status or digest.")
    wanted: str | None = Field(default=None, description="The status that cannot follow `current`.")
    shown: str | None = Field(default=None, description="The digest that you sent.")
    rule: str | None = Field(default=None, description="The rule that refuses, such as R-16.")
    clause: str | None = Field(default=None, description="The clause of the notice behind the rule.")
    quote_zh: str | None = Field(default=None, description="The text of that clause.")
    results: list[RuleResult] | None = Field(default=None, description="The verdict of every rule.")
    target: str | None = Field(default=None, description="The counter without enough left.")
    kind: str | None = Field(default=None, description="The kind of that counter: quota, pool or budget.")
    conflicts: list[ContentDifference] | None = Field(
        default=None, description="The values that a load would overwrite."
    )
    month: str | None = Field(default=None, description="The earlier month that is not closed.")
    sku: str | None = None
    day: str | None = None
    constraint: str | None = Field(default=None, description="The database constraint that refused the call.")


class VersionProblem(Problem):
    """The object has another version than the one in If-Match."""

    current: int = Field(description="The version that the object has now.")


class WrongField(BaseModel):
    """A field that is not valid; `line` and `column` are those of a plan file."""

    field: str
    message: str
    line: int | None = None
    column: int | None = None


class InputProblem(Problem):
    """The input is not valid; `errors` names every wrong field."""

    errors: list[WrongField] | None = None
    rule: str | None = Field(default=None, description="The rule that refuses, such as R-01.")
    clause: str | None = Field(default=None, description="The clause of the notice behind the rule.")
    quote_zh: str | None = Field(default=None, description="The text of that clause.")
    sku: str | None = Field(default=None, description="The SKU without exactly one price.")
    day: str | None = None


SHAPES: Final[dict[int, type[Problem]]] = {
    403: PermissionProblem,
    409: ConflictProblem,
    412: VersionProblem,
    422: InputProblem,
}
"""The shape of a problem by status; every other status has the plain `Problem`."""

MEANINGS: Final = {
    401: "No valid token or session was sent, or the password is wrong.",
    403: "Your roles, or your part in this matter, do not allow it.",
    404: "The object does not exist, or not for you.",
    409: "The status does not allow it, a rule refuses it, or the digest is no longer current.",
    412: "The object is no longer at the version in If-Match.",
    422: "The input is not valid; `errors` names every field.",
    428: "If-Match is missing.",
    429: "Too many wrong passwords; repeat the call later.",
    500: "The service made an error; it was logged.",
    503: "Too many calls at once; nothing was done. Repeat the call after Retry-After seconds.",
}
"""The meaning of every status of a problem, by its number."""


def types(status: int) -> list[str]:
    """Return the types that a problem of this status can have, in alphabetical order."""
    further = {500: ["internal_error"]}
    codes = {error.code() for error in _errors(BusinessError) if error.status == status}
    return [f"{PREFIX}{code}" for code in sorted({*codes, *further.get(status, ())})]


def _errors(parent: type[BusinessError]) -> Iterator[type[BusinessError]]:
    """Yield the errors that a call of the API can raise."""
    package, part = parent.__module__.split(".")[:2]
    if package == "orchestrator" and part not in OUTSIDE:
        yield parent
    for child in parent.__subclasses__():
        yield from _errors(child)


def schema(status: int) -> dict[str, Any]:
    """Return the schema of a problem of this status, with its types."""
    shape = {"$ref": f"#/components/schemas/{SHAPES.get(status, Problem).__name__}"}
    members = {"properties": {"type": {"enum": types(status)}, "status": {"const": status}}}
    return {"allOf": [shape, members]}
