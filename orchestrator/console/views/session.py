"""Signing in."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SignInPage:
    """Page ``sign_in.html``: `next` is the local page to go to, `failed` that the last try was refused."""

    next: str = "/console/"
    username: str = ""
    failed: bool = False
    locked: bool = False
