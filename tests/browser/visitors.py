"""People who open pages: signed in through the sign-in form, with the headers that a browser sends."""

import re
from html.parser import HTMLParser
from typing import Any

import httpx2
from sqlalchemy import Engine

from orchestrator.core.db import transaction
from orchestrator.workflows.people import accounts

PASSWORD = "correct-horse-2019"


class Visitor:
    """One person's browser, as far as forms and cookies go."""

    def __init__(self, address: str) -> None:
        self.http = httpx2.Client(base_url=address, headers={"Origin": address}, timeout=60)

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return self.http.get(path, **options)

    def post(self, path: str, data: dict[str, str] | None = None, **options: Any) -> httpx2.Response:
        return self.http.post(path, data=data or {}, **options)

    def sent(self, path: str, data: dict[str, str] | None = None) -> str:
        """Where a form that must be accepted leads."""
        answer = self.post(path, data)
        assert answer.status_code == 303, f"{path}: {answer.status_code} {words(answer)}"
        return answer.headers["location"]


class Visitors:
    """``visitors("slj.clerk")`` is that person, signed in, the same at every later call."""

    def __init__(self, address: str, engine: Engine) -> None:
        self.address = address
        self._engine = engine
        self._opened: list[Visitor] = []
        self._known: dict[str, Visitor] = {}

    def stranger(self) -> Visitor:
        """Somebody who has not signed in."""
        self._opened.append(Visitor(self.address))
        return self._opened[-1]

    def __call__(self, username: str) -> Visitor:
        """The person of this name."""
        if username not in self._known:
            with transaction(self._engine) as session:
                accounts.set_password(session, username, PASSWORD, "test")
            visitor = self._known[username] = self.stranger()
            visitor.sent("/console/sign-in", {"username": username, "password": PASSWORD})
        return self._known[username]

    def close(self) -> None:
        """Close every connection."""
        for visitor in self._opened:
            visitor.http.close()


def words(answer: httpx2.Response) -> str:
    """Return the text of a page without its tags."""
    text = re.sub(r"<(script|style).*?</\1>", " ", answer.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def typed(answer: httpx2.Response, form: str = "request-form") -> dict[str, str]:
    """The fields that a browser sends of the form with this id as it stands, without the button pressed."""
    fields = _Fields(form)
    fields.feed(answer.text)
    return fields.sent


class _Fields(HTMLParser):
    """Collects the fields of one form: `sent` maps their names to their values."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self._form = form
        self._inside = False
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = given.get("id") == self._form
        if not self._inside:
            return
        if tag in ("select", "textarea"):
            self._open = given["name"]
            self.sent[self._open] = ""
        if tag == "option" and "selected" in given:
            self.sent[self._open] = given["value"]
        if tag == "input" and ("checked" in given or given["type"] != "checkbox"):
            self.sent[given["name"]] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        if tag in ("select", "textarea"):
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._inside and self._open and self.get_starttag_text().startswith("<textarea"):  # type: ignore[union-attr]
            self.sent[self._open] += data
