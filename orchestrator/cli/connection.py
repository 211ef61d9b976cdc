"""Address and token of the service: GOVCLOUD_URL and GOVCLOUD_TOKEN, else those of `govcloud login`."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.client.api import ApiClient

DEFAULT_URL = "http://127.0.0.1:8765"


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
    login: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return login


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
def signed_in() -> "Iterator[ApiClient]":
    """Yield the client of the person who signed in.

    Raises:
        NotLoggedIn: there is no token for this address; a token is never sent to another one.
    """
    from orchestrator.client.api import ApiClient

    url, kept = service_url(), kept_login()
    token = os.environ.get("GOVCLOUD_TOKEN") or (kept.get("token") if kept.get("url") == url else None)
    if not token:
        raise NotLoggedIn(f"Nobody is signed in at {url}. Use `govcloud login`, or set GOVCLOUD_TOKEN.")
    with ApiClient(url, token) as client:
        yield client
