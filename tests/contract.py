"""Responses and stored documents, held against the shapes that the OpenAPI document is made of."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import httpx2
from pydantic import TypeAdapter
from sqlalchemy import Engine, text

from orchestrator.api.content_shapes import ContentDifference
from orchestrator.api.migration_shapes import (
    CopyProgress,
    EqualityProof,
    MigrationPlanFile,
    Preflight,
    Retirement,
    SidesBilling,
)
from orchestrator.api.plan_shapes import ApprovedTuple, ChangeSummary, PlanFinding, PlannedChange
from orchestrator.api.problems import SHAPES, Problem, types
from orchestrator.api.request_shapes import RequestQuote, RuleResult
from orchestrator.api.resource_shapes import DriftFinding, ResourceDrift
from orchestrator.api.run_shapes import RunOutcome
from orchestrator.api.statement_shapes import SkuUseDetail
from orchestrator.app import api_document, api_routes

STORED: Final[dict[str, Any]] = {
    "content_revisions.differences": list[ContentDifference],
    "drift_cases.findings": list[DriftFinding],
    "execution_plans.findings": list[PlanFinding],
    "execution_plans.members": ApprovedTuple,
    "execution_plans.summary": ChangeSummary,
    "migration_switches.billing": SidesBilling,
    "migration_switches.marks": dict[str, float],
    "migration_switches.proof": EqualityProof,
    "migrations.billing": SidesBilling,
    "migrations.plan_document": MigrationPlanFile,
    "migrations.preflight": Preflight,
    "migrations.progress": CopyProgress,
    "migrations.retirement": Retirement,
    "plan_artifacts.changes": dict[str, list[PlannedChange]],
    "resource_requests.judgement": list[RuleResult],
    "resource_requests.quote": RequestQuote,
    "resources.drift": ResourceDrift,
    "runs.outcome": RunOutcome,
    "usage_events.skus": list[SkuUseDetail] | None,
}
"""The shape of every stored document that the API returns."""


@dataclass(frozen=True)
class Operation:
    """One operation of the document, with the statuses that it lists."""

    name: str
    method: str
    path: re.Pattern[str]
    statuses: frozenset[int]


def require_documented(method: str, path: str, response: httpx2.Response) -> None:
    """Fail unless the document lists the response's status and every member of its body."""
    operation = _operation(method, path.partition("?")[0])
    if operation is None:
        return
    status = response.status_code
    assert status in operation.statuses, f"{method} {path}: {status} is not documented"
    if response.status_code >= 400:
        _require_problem(response)
    elif response.headers.get("content-type") == "application/json":
        _shape(operation.name).validate_python(response.json(), extra="forbid")
        _require_version(response)


def _require_version(response: httpx2.Response) -> None:
    body = response.json()
    if isinstance(body, dict) and "version" in body:
        assert response.headers["etag"] == f'"{body["version"]}"'


def _require_problem(response: httpx2.Response) -> None:
    status = response.status_code
    assert response.headers["content-type"] == "application/problem+json"
    problem = SHAPES.get(status, Problem).model_validate(response.json(), extra="forbid")
    assert (problem.status, problem.type in types(status)) == (status, True), problem.type


@cache
def _operations() -> tuple[Operation, ...]:
    return tuple(
        Operation(
            operation["operationId"],
            method.upper(),
            re.compile(re.sub(r"\{\w+\}", "[^/]+", path.removeprefix("/api/v1"))),
            frozenset(map(int, operation["responses"])),
        )
        for path, methods in api_document()["paths"].items()
        for method, operation in methods.items()
    )


def _operation(method: str, path: str) -> Operation | None:
    for operation in _operations():
        if operation.method == method and operation.path.fullmatch(path):
            return operation
    return None


@cache
def _shape(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(next(route.response_model for route in api_routes() if route.name == name))


def require_stored_shapes(engine: Engine) -> None:
    """Fail if a stored document has a member that its shape lacks, or lacks one that its shape needs."""
    with engine.connect() as connection:
        for place, shape in STORED.items():
            table, column = place.split(".")
            read: TypeAdapter[Any] = TypeAdapter(shape)
            for document in connection.execute(text(f"SELECT {column} FROM {table}")).scalars():  # noqa: S608
                read.validate_python(document, extra="forbid")
