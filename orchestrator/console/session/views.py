"""Signing in."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SignInPage:
    """Page ``session/sign_in.html``: `next` is the local page to go to next."""

    next: str = "/console/"
    username: str = ""
    failed: bool = False
    locked: bool = False
