"""Every page of the console, and how errors look on pages."""

from fastapi import FastAPI, Request, Response

PAGES = "/console"


def install(app: FastAPI) -> None:
    """Register the pages and the static files."""


def page_for(request: Request, status: int, error: Exception) -> Response | None:
    """An error as a page where a page was asked for; None leaves the problem document."""
    return None
