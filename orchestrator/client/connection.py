"""One connection with one person's token; problem documents become errors."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

import httpx2

from orchestrator.client.encoding import UnexpectedResponse, encode

BASE_PATH: Final = "/api/v1"
SECONDS_TO_ANSWER: Final = 60.0
KEPT_SECONDS: Final = 2.0
"""The service closes a connection after five idle seconds; this client closes it earlier."""
STREAM_SILENCE_SECONDS: Final = 60.0
"""The service sends a comment every 15 seconds; a stream that stays silent longer is broken."""


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


@dataclass(frozen=True)
class Call:
    """One request; `path` begins after ``/api/v1``, and values that are None are left out."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: Any = None


class Connection:
    """Sends calls as one person. Every method raises ApiProblem or Unreachable."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        # Without a token the session's cookie identifies the person; then a write must name its origin.
        headers = {"Authorization": f"Bearer {token}"} if token else {"Origin": self.url}
        address = urlsplit(self.url)
        # A proxy named in the environment is meant for other hosts.
        local = address.hostname in {"127.0.0.1", "::1", "localhost"}
        self._http = httpx2.Client(
            base_url=f"{self.url}{BASE_PATH}",
            headers=headers,
            timeout=SECONDS_TO_ANSWER,
            limits=httpx2.Limits(keepalive_expiry=KEPT_SECONDS),
            trust_env=not local,
            # Without TLS the 50 ms in which the machine's authorities are loaded would be lost.
            verify=address.scheme != "http",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection to the service."""
        self._http.close()

    def read_json(self, call: Call) -> Any:
        """Send the call and return the JSON of the response; None without content.

        Raises:
            UnexpectedResponse: The response is not JSON.
        """
        content = self.read_bytes(call)
        try:
            return json.loads(content) if content else None
        except ValueError as error:
            message = f"The response of {self.url} to {call.method} {call.path} is not JSON."
            raise UnexpectedResponse(message) from error

    def read_bytes(self, call: Call) -> bytes:
        """Send the call and return the content of the response."""
        try:
            response = self._http.request(call.method, call.path, json=encode(call.body), **_parts(call))
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error
        if response.is_error:
            raise _problem(response)
        return response.content

    def read_events(self, call: Call) -> Iterator[tuple[int, list[str]]]:
        """Yield the events of a log stream as (number of the last line, lines) until its end."""
        timeout = httpx2.Timeout(SECONDS_TO_ANSWER, read=STREAM_SILENCE_SECONDS)
        try:
            with self._http.stream(call.method, call.path, timeout=timeout, **_parts(call)) as response:
                if response.is_error:
                    response.read()
                    raise _problem(response)
                yield from parse_events(response.iter_lines())
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(f"No service answers at {self.url} ({error}).")


def segment(value: object) -> str:
    """Return a value as one segment of a path."""
    return quote(str(value), safe="")


def etag(version: int | None) -> str | None:
    """Return the value of If-Match for the version of an object."""
    return None if version is None else f'"{version}"'


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


def _parts(call: Call) -> dict[str, Any]:
    """Return query and headers as the HTTP library takes them."""
    return {
        "params": {name: encode(value) for name, value in call.query.items() if value is not None},
        "headers": {name: value for name, value in call.headers.items() if value is not None},
    }


def _problem(response: httpx2.Response) -> ApiProblem:
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        document = {
            "status": response.status_code,
            "title": f"HTTP {response.status_code}",
            "detail": response.text[:500],
        }
    return ApiProblem(document)
