"""People who call the API: each with a token of all their rights, or of some."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx2
from sqlalchemy import Engine

from orchestrator.client.api import ApiClient
from orchestrator.core.db import transaction
from orchestrator.departments.permissions import Permission
from orchestrator.workflows.people import accounts
from tests.contract import require_documented


class Caller(ApiClient):
    """One person's typed calls, and raw ones for input that the typed calls cannot express."""

    def __init__(self, http: httpx2.Client, token: str) -> None:
        super().__init__(str(http.base_url), token)
        self._http = http
        self.token = token

    def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Return the response, which must be as the API document says; `path` is below ``/api/v1``."""
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        response = self._http.request(method, f"/api/v1{path}", headers=headers, **options)
        require_documented(method, path, response)
        return response

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx2.Response:
        return self.call("POST", path, **options)

    def put(self, path: str, **options: Any) -> httpx2.Response:
        return self.call("PUT", path, **options)

    def delete(self, path: str, **options: Any) -> httpx2.Response:
        return self.call("DELETE", path, **options)

    def done(self, method: str, path: str, **options: Any) -> Any:
        """The JSON answer of a call that must succeed."""
        answer = self.call(method, path, **options)
        assert answer.status_code < 400, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()


class Callers:
    """``callers("slj.clerk")`` is that person with a fresh token; the same caller at every later call."""

    def __init__(self, engine: Engine, address: str) -> None:
        self._engine = engine
        self.address = address
        self.http = httpx2.Client(base_url=address, timeout=60, limits=httpx2.Limits(max_connections=64))
        self._known: dict[tuple[str, ...], Caller] = {}
        self._all: list[Caller] = []

    def __call__(self, username: str, *scopes: Permission) -> Caller:
        """The person of this name, narrowed to `scopes` where any are given."""
        key = (username, *scopes)
        if key not in self._known:
            self._known[key] = self._caller(self.token(username, scopes))
        return self._known[key]

    def fresh(self, username: str) -> Caller:
        """The same person with a token of today's rights, after a role was given or taken."""
        return self._caller(self.token(username))

    def token(self, username: str, scopes: Sequence[Permission] = (), days: float = 300) -> str:
        """A new token; without `scopes` it carries every right that the person has today."""
        with transaction(self._engine) as session:
            actor = accounts.actor_named(session, username)
            wanted = [scope.value for scope in (scopes or sorted(actor.permissions))]
            secret, _ = accounts.create_token(session, actor, "test", wanted, timedelta(days=days))
        return secret

    def anybody(self) -> Caller:
        """Somebody without a valid token."""
        return self._caller("gc_unknown")

    def _caller(self, token: str) -> Caller:
        self._all.append(Caller(self.http, token))
        return self._all[-1]

    def close(self) -> None:
        for caller in self._all:
            caller.connection.close()
        self.http.close()
