"""The API client: one connection with one person's token; problem documents become errors."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2

SECONDS_TO_ANSWER = 60.0
KEPT_SECONDS = 2.0
"""The service closes a connection after five idle seconds; this client closes it earlier."""
STREAM_SILENCE_SECONDS = 60.0
"""The service sends a comment every 15 seconds; a stream that stays silent longer is broken."""
STREAM_PAUSE_SECONDS = 0.2
STREAM_RETRIES = 50
FINAL = frozenset({"succeeded", "failed", "cancelled"})
"""The states in which a run has ended."""


class ApiProblem(Exception):
    """The service refused the call; `document` is its RFC 9457 problem."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        texts = (str(document.get("title") or "The service refused."), str(document.get("detail") or ""))
        super().__init__(" ".join(dict.fromkeys(text for text in texts if text)))

    @property
    def status(self) -> int:
        """The HTTP status, e.g. 409."""
        return int(self.document.get("status", 0))


class Unreachable(Exception):
    """No service responds at the address that the message names."""


class ApiClient:
    """The calls of one person. Every method raises ApiProblem or Unreachable."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # A proxy named in the environment is meant for other hosts.
        local = urlsplit(self.url).hostname in {"127.0.0.1", "::1", "localhost"}
        self._http = httpx2.Client(
            base_url=f"{self.url}/api/v1",
            headers=headers,
            timeout=SECONDS_TO_ANSWER,
            limits=httpx2.Limits(keepalive_expiry=KEPT_SECONDS),
            trust_env=not local,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON response to a GET; parameters that are None are left out."""
        return self._call(
            "GET", path, params={name: value for name, value in query.items() if value is not None}
        )

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """Return the JSON response to a POST; a header is written as ``idempotency_key="..."``."""
        return self._call("POST", path, json=body, headers=_header_names(headers))

    def put(self, path: str, body: Any, **headers: str) -> Any:
        """Return the JSON response to a PUT."""
        return self._call("PUT", path, json=body, headers=_header_names(headers))

    def download(self, path: str, **query: Any) -> bytes:
        """Return the bytes of a file."""
        return self._answer("GET", path, params=query).content

    def follow_log(self, run_id: str, after: int = 0) -> Iterator[str]:
        """Yield the lines of a run's log after line `after` as they are written, until the run ends.

        A broken stream is resumed after the last line, without gap or repetition.
        """
        seen, failures = after, 0
        while True:
            try:
                for last, lines in self._events(f"/runs/{run_id}/log/stream", seen):
                    seen, failures = last, 0
                    yield from lines
                # A stopping web process ends its streams too.
                if self.get(f"/runs/{run_id}")["status"] in FINAL:
                    return
            except (httpx2.TransportError, Unreachable) as error:
                failures += 1
                if failures > STREAM_RETRIES:
                    raise self._unreachable(error) from error
            time.sleep(STREAM_PAUSE_SECONDS)

    def _events(self, path: str, after: int) -> Iterator[tuple[int, list[str]]]:
        timeout = httpx2.Timeout(SECONDS_TO_ANSWER, read=STREAM_SILENCE_SECONDS)
        with self._http.stream("GET", path, params={"after": after}, timeout=timeout) as answer:
            if answer.is_error:
                answer.read()
                raise _problem(answer)
            yield from parse_events(answer.iter_lines())

    def _call(self, method: str, path: str, **parts: Any) -> Any:
        answer = self._answer(method, path, **parts)
        return answer.json() if answer.content else None

    def _answer(self, method: str, path: str, **parts: Any) -> httpx2.Response:
        try:
            answer = self._http.request(method, path, **parts)
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error
        if answer.is_error:
            raise _problem(answer)
        return answer

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(f"No service answers at {self.url} ({error}).")


def sign_in(url: str, username: str, password: str, *, name: str, days: float) -> str:
    """Return a new token with all rights of a person, created with their password."""
    with ApiClient(url) as client:
        client.post("/session", {"username": username, "password": password})
        rights = client.get("/me")["permissions"]
        wanted = {"name": name, "scopes": rights, "expires_in_days": days}
        made = client.post("/tokens", wanted, origin=client.url)
    return str(made["token"])


def _header_names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _problem(answer: httpx2.Response) -> ApiProblem:
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        document = {
            "status": answer.status_code,
            "title": f"HTTP {answer.status_code}",
            "detail": answer.text[:500],
        }
    return ApiProblem(document)


def parse_events(lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the events ``lines`` of a stream as (number of the last line, lines), until ``done``."""
    event: dict[str, str] = {}
    for line in lines:
        if not line:
            if event.get("event") == "done":
                return
            if event.get("event") == "lines":
                yield int(event["id"]), json.loads(event["data"])
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            event[name] = value.removeprefix(" ")
