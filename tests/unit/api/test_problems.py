"""Every member that an error carries is a member of its problem's shape in the API document."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from orchestrator.api.errors import business_problem
from orchestrator.api.problem_examples import PROBLEMS
from orchestrator.api.problems import MEANINGS, OUTSIDE, SHAPES, Problem, types
from orchestrator.core.errors import BusinessError, NotPermitted, VersionConflict
from orchestrator.resource_requests.errors import RuleRefuses

SOURCE: Final = Path(__file__).resolve().parents[3] / "orchestrator"
TO_THE_STATE: Final = {"StateLocked"}
"""Answered to Terraform, whose protocol is not in the document."""


def errors(parent: type[BusinessError] = BusinessError) -> Iterator[type[BusinessError]]:
    yield parent
    for child in parent.__subclasses__():
        yield from errors(child)


ERRORS: Final = {error.__name__: error for error in errors() if error.__module__.startswith("orchestrator.")}


def raised() -> Iterator[tuple[str, str]]:
    """Yield error and member for each keyword with which the source makes an error."""
    for file in SOURCE.rglob("*.py"):
        if file.relative_to(SOURCE).parts[0] in OUTSIDE:
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for owner in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]:
            for call in (node for node in ast.walk(owner) if isinstance(node, ast.Call)):
                name = error_made(call, owner)
                yield from ((name, keyword.arg or "") for keyword in call.keywords if name in ERRORS)


def error_made(call: ast.Call, owner: ast.AST) -> str:
    """Return the name of the error that the call makes; an act's error for a wrong status is given to it."""
    match call.func:
        case ast.Name("cls") if isinstance(owner, ast.ClassDef):
            return owner.name
        case ast.Name(name):
            return name
        case ast.Attribute(attr="not_now"):
            return "IllegalTransition"
    return ""


def test_every_member_of_an_error_is_in_the_shape_of_its_problem() -> None:
    made = set(raised())
    assert {("StaleApproval", "shown"), ("NothingLeft", "target"), ("RuleRefuses", "results")} <= made
    missing = {
        (error, member)
        for error, member in made
        if error not in TO_THE_STATE and member not in SHAPES.get(ERRORS[error].status, Problem).model_fields
    }
    assert missing == set()


def test_every_error_of_the_api_is_one_of_the_types_of_its_status() -> None:
    for error in ERRORS.values():
        is_of_the_api = error.__module__.split(".")[1] not in OUTSIDE
        assert (f"urn:govcloud:problem:{error.code()}" in types(error.status)) == is_of_the_api
    assert types(412) == ["urn:govcloud:problem:version_conflict"]


@pytest.mark.parametrize("status", MEANINGS)
def test_the_example_of_a_problem_is_valid(status: int) -> None:
    problem = SHAPES.get(status, Problem).model_validate(PROBLEMS[status], extra="forbid")
    assert problem.status == status
    assert problem.type in types(status)


@pytest.mark.parametrize("status", sorted(set(PROBLEMS) - {422, 500}))
def test_the_example_of_a_problem_has_the_texts_of_its_error(status: int) -> None:
    example = PROBLEMS[status]
    error = next(one for one in ERRORS.values() if example["type"].endswith(f":{one.code()}"))
    assert (example["title"], example["title_zh"]) == (error().title, error.zh)


@pytest.mark.parametrize(
    "error",
    [
        NotPermitted("No.", permission="plans:apply"),
        VersionConflict(current=3),
        RuleRefuses("No.", rule="R-16", clause="", quote_zh="", results=[], detail_zh="否"),
    ],
)
def test_a_problem_is_valid_against_its_shape(error: BusinessError) -> None:
    body = bytes(business_problem(error).body)
    problem = SHAPES[error.status].model_validate_json(body, extra="forbid")
    assert (problem.status, problem.detail) == (error.status, error.detail)
