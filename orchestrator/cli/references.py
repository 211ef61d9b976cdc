"""The ids of objects that a person names by id, number, key, user name, or the first letters of the id."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from orchestrator.cli.connection import NoSuchThing

if TYPE_CHECKING:
    from orchestrator.client.api import ApiClient
    from orchestrator.client.models import (
        MigrationSummary,
        PersonDetail,
        PlanSummary,
        RequestSummary,
        ResourceDetail,
        RunDetail,
    )

SHORTEST_PREFIX = 6
MOST_A_PAGE = 200


class Identified(Protocol):
    """An object of the API; some also have a `number`, a `key` or a `username`."""

    @property
    def id(self) -> UUID:
        """Return its id."""


def find(noun: str, reference: str, candidates: Callable[[], Iterable[Identified]]) -> UUID:
    """Return the id of the candidate that a reference names; an id is not looked up.

    Raises:
        NoSuchThing: No candidate has this name, or several have.
    """
    try:
        return UUID(reference)
    except ValueError:
        matches = [candidate.id for candidate in candidates() if _is_named(candidate, reference)]
    if len(matches) != 1:
        raise NoSuchThing(f"{'No' if not matches else 'More than one'} {noun} is named {reference}.")
    return matches[0]


def _is_named(candidate: Identified, reference: str) -> bool:
    names = [str(getattr(candidate, member, "")) for member in ("number", "key", "username")]
    return reference in names or (
        len(reference) >= SHORTEST_PREFIX and str(candidate.id).startswith(reference)
    )


def request_id(client: "ApiClient", reference: str) -> UUID:
    """Return the id of a request."""
    from orchestrator.client.api import every

    def candidates() -> "Iterator[RequestSummary]":
        return every(lambda page: client.list_requests(search=reference, cursor=page, limit=MOST_A_PAGE))

    return find("request", reference, candidates)


def plan_id(client: "ApiClient", reference: str) -> UUID:
    """Return the id of an execution plan."""
    from orchestrator.client.api import every

    def candidates() -> "Iterator[PlanSummary]":
        return every(lambda page: client.list_plans(cursor=page, limit=MOST_A_PAGE))

    return find("plan", reference, candidates)


def run_id(client: "ApiClient", reference: str) -> UUID:
    """Return the id of a run."""
    from orchestrator.client.api import every

    def candidates() -> "Iterator[RunDetail]":
        return every(lambda page: client.list_runs(cursor=page, limit=MOST_A_PAGE))

    return find("run", reference, candidates)


def migration_id(client: "ApiClient", reference: str) -> UUID:
    """Return the id of a migration."""
    from orchestrator.client.api import every

    def candidates() -> "Iterator[MigrationSummary]":
        return every(lambda page: client.list_migrations(cursor=page, limit=MOST_A_PAGE))

    return find("migration", reference, candidates)


def resource_id(client: "ApiClient", reference: str) -> UUID:
    """Return the id of a resource that is not released."""
    from orchestrator.client.api import every

    def candidates() -> "Iterator[ResourceDetail]":
        return every(lambda page: client.list_resources(cursor=page, limit=MOST_A_PAGE))

    return find("resource", reference, candidates)


def person_id(client: "ApiClient", reference: str) -> UUID:
    """Return the id of a person."""
    from orchestrator.client.api import every

    def candidates() -> "Iterator[PersonDetail]":
        return every(lambda page: client.list_people(search=reference, cursor=page, limit=MOST_A_PAGE))

    return find("person", reference, candidates)


def workspace_id(client: "ApiClient", reference: str) -> UUID:
    """Return the id of a workspace."""
    return find("workspace", reference, client.list_workspaces)
