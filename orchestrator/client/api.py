"""The client of the API: every operation of its document, paged lists, and logs that are followed."""

import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol, Self, TypeVar
from uuid import UUID

from orchestrator.client.connection import Connection, Unreachable
from orchestrator.client.models import Credentials, RunStatus, TokenBody
from orchestrator.client.operations import Operations

STREAM_PAUSE_SECONDS: Final = 0.2
STREAM_RETRIES: Final = 50
FINAL: Final = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED})
"""The statuses in which a run has ended."""

T_co = TypeVar("T_co", covariant=True)


class Page(Protocol[T_co]):
    """One page of a list; `next` is the link to the following page."""

    @property
    def items(self) -> tuple[T_co, ...]:
        """Return the objects of this page."""

    @property
    def next(self) -> str | None:
        """Return the link; None on the last page."""


class ApiClient(Operations):
    """The calls of one person. Every method raises ApiProblem, Unreachable or UnexpectedResponse."""

    def __init__(self, url: str, token: str | None = None) -> None:
        super().__init__(Connection(url, token))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def follow_log(self, run_id: UUID, after: int = 0) -> Iterator[str]:
        """Yield the lines of a run's log after line `after` as they are written, until the run ends.

        A broken stream is resumed after the last line, without gap or repetition.
        """
        seen, failures = after, 0
        while True:
            try:
                for last, lines in self.stream_run_log(run_id, after=seen):
                    seen, failures = last, 0
                    yield from lines
                # A stopping web process ends its streams too.
                if self.read_run(run_id).status in FINAL:
                    return
            except Unreachable:
                failures += 1
                if failures > STREAM_RETRIES:
                    raise
            time.sleep(STREAM_PAUSE_SECONDS)


def every(read_page: Callable[[str | None], Page[T_co]]) -> Iterator[T_co]:
    """Yield the objects of all pages; `read_page` is called with the cursor of each page, first with None."""
    cursor: str | None = None
    while True:
        page = read_page(cursor)
        yield from page.items
        if not page.next:
            return
        cursor = page.next.split("cursor=")[1].split("&")[0]


def sign_in(url: str, username: str, password: str, *, name: str, days: float) -> str:
    """Return a new token with all rights of a person, created with their password."""
    with ApiClient(url) as client:
        client.sign_in(Credentials(username=username, password=password))
        rights = client.read_me().permissions
        token = client.create_token(TokenBody(name=name, scopes=rights, expires_in_days=days))
    return token.token
