"""Address and token of the service: GOVCLOUD_URL and GOVCLOUD_TOKEN, else those of `govcloud login`."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from orchestrator.api_client import ApiClient
    from orchestrator.client import api as client_api

DEFAULT_URL = "http://127.0.0.1:8765"
SHORTEST_PREFIX = 6


class NotLoggedIn(Exception):
    """There is no token for this service."""


class NoSuchThing(Exception):
    """Nothing, or more than one thing, has this number or id."""


def login_path() -> Path:
    """Return the file with address and token; only its owner can read it."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base, "govcloud", "login.json")


def kept_login() -> dict[str, str]:
    """Return the address and token of the last `govcloud login`; empty without one."""
    path = login_path()
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def keep_login(login: dict[str, str]) -> None:
    """Write the file with mode 0600, replacing an older one."""
    path = login_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(login, file)
    fresh.replace(path)


def forget_login() -> None:
    """Remove the file."""
    login_path().unlink(missing_ok=True)


def service_url() -> str:
    """Return the address of the service."""
    return (os.environ.get("GOVCLOUD_URL") or kept_login().get("url") or DEFAULT_URL).rstrip("/")


@contextmanager
def api() -> "Iterator[ApiClient]":
    """Yield a signed-in client.

    Raises:
        NotLoggedIn: there is no token for this address; a token is never sent to another one.
    """
    from orchestrator.api_client import ApiClient

    url, token = url_and_token()
    with ApiClient(url, token) as client:
        yield client


@contextmanager
def signed_in() -> "Iterator[client_api.ApiClient]":
    """Yield the client of the person who signed in.

    Raises:
        NotLoggedIn: there is no token for this address; a token is never sent to another one.
    """
    from orchestrator.client.api import ApiClient

    url, token = url_and_token()
    with ApiClient(url, token) as client:
        yield client


def url_and_token() -> tuple[str, str]:
    """Return the address of the service and the token for it.

    Raises:
        NotLoggedIn: there is no token for this address.
    """
    url, kept = service_url(), kept_login()
    token = os.environ.get("GOVCLOUD_TOKEN") or (kept.get("token") if kept.get("url") == url else None)
    if not token:
        raise NotLoggedIn(f"Nobody is signed in at {url}. Use `govcloud login`, or set GOVCLOUD_TOKEN.")
    return url, token


def pages(client: "ApiClient", path: str, **query: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a paged list."""
    while True:
        page = client.get(path, **query)
        yield from page["items"]
        if not page.get("next"):
            return
        query |= {"cursor": page["next"].split("cursor=")[1].split("&")[0]}


def find(client: "ApiClient", path: str, reference: str, **query: Any) -> str:
    """Return the id of an object that a person names by id, number, key, or the first letters of its id.

    Raises:
        NoSuchThing: no object has this name, or several have.
    """
    try:
        return str(UUID(reference))
    except ValueError:
        known = client.get(path) if path == "/workspaces" else pages(client, path, limit=200, **query)
        matches = [item["id"] for item in known if _is_named(item, reference)]
    if len(matches) != 1:
        noun = path.strip("/").removesuffix("s").replace("-", " ")
        raise NoSuchThing(f"{'No' if not matches else 'More than one'} {noun} is named {reference}.")
    return str(matches[0])


def _is_named(item: dict[str, Any], reference: str) -> bool:
    by_name = reference in (str(item.get("number")), item.get("key"))
    return by_name or (len(reference) >= SHORTEST_PREFIX and item["id"].startswith(reference))
