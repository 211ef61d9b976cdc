"""No GET route of the API or the console shows a person the objects of another department.

The routes are those of the application, so a new route is covered without being listed. Its parameters must
be named here: a path parameter in `Objects.paths`, a query parameter in `Objects.queries` or in `PLAIN`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import iter_route_contexts
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from orchestrator.adapters.migration_plan_files import read_plan
from orchestrator.app import create_app
from orchestrator.core.db import transaction
from orchestrator.migrations.models import Migration
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.resources import store as resources
from orchestrator.resources.drift import DriftFinding
from orchestrator.runs import queries as run_queries
from orchestrator.settings import Settings
from orchestrator.wiring import service as wire_service
from orchestrator.workflows.migrations import steps
from tests.callers import Callers
from tests.db.billing import closes, hosts
from tests.office import serving_app

ROOT: Final = Path(__file__).resolve().parents[2]
SECRET: Final = "hidden-from-others"
"""Stands in the numbers, titles, keys and addresses of all objects of the water bureau."""
OUTSIDER: Final = "mzj.officer"
INSIDERS: Final = ("slj.officer", "sjj.auditor", "xxh.admin")
"""Together they may open every page of an object."""
ALLOWED: Final = {200, 403, 404}
OF_A_RUN: Final = "/api/v1/state/{workspace_id}"
"""Is opened by the token of a run, by no person."""
OF_ALL: Final = {"/console/prices/{code}"}
"""Name an object of no department."""
EXAMPLES: Final = "/api/v1/openapi.json"
"""Holds made-up examples; some have the numbers of the sample city."""
PLAIN: Final = {
    "after": None,
    "before": None,
    "cursor": None,
    "format": "csv",
    "kind": "change",
    "limit": None,
    "log": "all",
    "next": None,
    "status": None,
    "waiting": None,
}
"""Query parameters that name no object, with the value that shows most; None leaves them out."""
SHOWN_TO_INSIDERS: Final = {
    f"/api/v1/{name}"
    for name in (
        "audit/events",
        "drift-cases",
        "migrations",
        "plans",
        "requests",
        "resources",
        "runs",
        "statements",
        "workspaces",
    )
} | {f"/console/{name}" for name in ("", "migrations", "requests", "resources", "runs", "statements")}
"""Lists in which people of the department find its objects."""


@dataclass(frozen=True)
class Objects:
    """Objects of the water bureau: values for the parameters of routes, and what names them in a response."""

    paths: Mapping[str, str]
    queries: Mapping[str, str]
    marks: frozenset[str]


@dataclass(frozen=True)
class Route:
    """A GET route, its query parameters, and those of them that it needs."""

    path: str
    queries: frozenset[str]
    needed: frozenset[str]


@pytest.fixture(scope="module")
def app(shared_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    url = shared_engine.url.render_as_string(hide_password=False)
    return create_app(wire_service(Settings(home=tmp_path_factory.mktemp("home"), database_url=url)))


@pytest.fixture(scope="module")
def people(app: FastAPI, shared_engine: Engine) -> Iterator[Callers]:
    """People who open routes of this application, of the API and of the console."""
    with serving_app(app) as address:
        callers = Callers(shared_engine, address)
        yield callers
        callers.close()


@pytest.fixture(scope="module")
def objects(shared_engine: Engine) -> Objects:
    """One object of every kind of the water bureau; June is closed and stated."""
    host = hosts.in_production(shared_engine, key=SECRET)
    with transaction(shared_engine) as session:
        migration = _register(session, host)
        clerk = hosts.actor(session, "slj.clerk").person_id
        findings = [DriftFinding(f"instance/{SECRET}", gone=True)]
        drift = resources.Drift(host.workspace, host.run, "SLJ", findings)
        case = resources.open_drift(session, drift, "worker:test")
        plan = run_queries.plans_of(session, host.request)[0]
        ids = {"request": host.request, "plan": plan.id, "run": host.run, "workspace": host.workspace}
        ids |= {"resource": host.instance, "volume": host.volume, "migration": migration, "case": case.id}
    hosts.on_day(shared_engine, "2019-07-01")
    closes.close(shared_engine, closes.JUNE)
    statement = closes.issue(shared_engine, closes.JUNE)
    with shared_engine.connect() as connection:
        revision = connection.execute(text("SELECT id FROM content_revisions")).scalars().first()
    texts = {name: str(key) for name, key in (ids | {"statement": statement.id}).items()}
    total = statement.total_fen
    return Objects(
        paths=_paths(texts)
        | {"content-revisions/{revision_id}": str(revision), "people/{person_id}": str(clerk)},
        queries=_queries(texts),
        marks=frozenset({SECRET, *texts.values(), str(statement.number), str(total), f"{total / 100:.2f}"}),
    )


def _register(session: Session, host: hosts.Host) -> UUID:
    """A migration of the bureau's system onto the host."""
    name = "sample-flood-warning.yml"
    document = read_plan(name, (ROOT / "migration_plans" / name).read_bytes()).plan
    assert document is not None
    clerk = hosts.actor(session, "slj.clerk")
    number = session.get_one(ResourceRequest, host.request).number
    steps.register(session, clerk, document.model_copy(update={"title": SECRET}), number)
    return session.exec(select(Migration.id)).one()


def _paths(texts: Mapping[str, str]) -> dict[str, str]:
    """Path parameters, after the part of the path before them."""
    objects = ("request", "plan", "run", "migration", "resource", "statement")
    return {f"{name}s/{{{name}_id}}": texts[name] for name in objects} | {
        "departments/{code}": "SLJ",
        "lines/{position}": "1",
        "months/{month}": "2019-06",
        "prices/{code}": "CAT-2019-01",
        "state/{workspace_id}": texts["workspace"],
    }


def _queries(texts: Mapping[str, str]) -> dict[str, str]:
    """Query parameters that name an object, or select it."""
    return {
        "chosen": f"request:{texts['request']}",
        "month": "2019-06",
        "object_id": texts["request"],
        "only": texts["resource"],
        "organisation": "SLJ",
        "request_id": texts["request"],
        "search": SECRET,
        "text": SECRET,
        "workspace": texts["workspace"],
        "year": "2019",
    }


@pytest.fixture(scope="module")
def routes(app: FastAPI) -> list[Route]:
    """Every route that answers GET."""
    return [
        _route(context) for context in iter_route_contexts(app.routes) if "GET" in (context.methods or ())
    ]


def _route(context: Any) -> Route:
    dependant = getattr(context, "dependant", None)
    flat = get_flat_params(dependant) if dependant else []
    fields = [field for field in flat if isinstance(field.field_info, Query)]
    return Route(
        str(context.path),
        frozenset(field.alias for field in fields),
        frozenset(field.alias for field in fields if field.field_info.is_required()),
    )


def address(route: Route, objects: Objects) -> str:
    """Return the path with the ids of the objects in it; an unlisted parameter is a KeyError."""
    parts = route.path.split("/")
    return "/".join(
        objects.paths[f"{before}/{part}"] if part.startswith("{") else part
        for before, part in zip(["", *parts], parts, strict=False)
    )


def calls(route: Route, objects: Objects) -> list[dict[str, str]]:
    """Return the query parameters of each call: those needed, each of the others beside them, and all."""
    known = PLAIN | dict(objects.queries)
    values = {name: value for name in sorted(route.queries) if (value := known[name]) is not None}
    needed = {name: values[name] for name in route.needed}
    further = [needed | {name: value} for name, value in values.items() if name not in needed]
    return [needed, *further, values] if len(further) > 1 else [needed, *further]


def read(people: Callers, username: str, path: str, query: Mapping[str, str]) -> tuple[int, str]:
    """Return status and text of a response."""
    bearer = {"Authorization": f"Bearer {people(username).token}"}
    answer = people.http.get(path, params=query, headers=bearer)
    return answer.status_code, answer.text


def names(body: str, objects: Objects, path: str, query: Mapping[str, str]) -> list[str]:
    """The marks of objects in a response, without those that the caller sent: links repeat the address."""
    sent = " ".join([path, *query.values()])
    return sorted(mark for mark in objects.marks if mark in body and mark not in sent)


def test_every_parameter_of_a_route_is_listed_here(routes: list[Route], objects: Objects) -> None:
    assert len(routes) > 50
    for route in routes:
        address(route, objects)
        calls(route, objects)


def test_no_route_shows_an_object_of_another_department(
    people: Callers, routes: list[Route], objects: Objects
) -> None:
    wrong = []
    for route in routes:
        path = address(route, objects)
        is_of_one = path != route.path and route.path not in OF_ALL
        allowed = {401} if route.path == OF_A_RUN else ALLOWED - {200} if is_of_one else ALLOWED | {303, 307}
        for query in calls(route, objects):
            status, body = read(people, OUTSIDER, path, query)
            shown = [] if path == EXAMPLES else names(body, objects, path, query)
            if status not in allowed or shown:
                wrong.append((path, query, status, shown))
    assert not wrong, "\n".join(map(str, wrong))


def test_people_of_the_department_are_shown_its_objects_at_the_same_addresses(
    people: Callers, routes: list[Route], objects: Objects
) -> None:
    """Otherwise the test above would prove nothing: its addresses could be wrong."""
    shown = set()
    for route in routes:
        path, query = address(route, objects), calls(route, objects)[0]
        answers = [read(people, insider, path, query) for insider in INSIDERS]
        if route.path not in (path, OF_A_RUN):
            assert 200 in [status for status, _ in answers], path
        if any(names(body, objects, path, query) for _, body in answers):
            shown.add(route.path)
    assert shown >= SHOWN_TO_INSIDERS
