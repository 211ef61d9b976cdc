"""Security headers for every page, and protection against cross-site requests.

A browser tells where a form was sent from: by ``Sec-Fetch-Site`` (only on https and on the machine itself)
and by ``Origin``. A request with an Authorization header does not come from a browser and passes.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.errors import ForeignWrite, business_problem
from orchestrator.console.frame.render import render

# Bootstrap's style sheet draws its check marks and arrows as data images.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def comes_from_here(headers: Headers) -> bool:
    """Return True if the headers prove that one of this service's pages sent the request."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == headers.get("host")


class PageSecurity:
    """ASGI middleware that adds the headers and refuses foreign writes; streams pass unbuffered."""

    def __init__(self, app: ASGIApp, *, session_cookie: str) -> None:
        self._app = app
        self._session_cookie = session_cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a cross-site write, on a page or as a problem; add the headers to every other response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message))
            await send(message)

        request = Request(scope, receive)
        if self._is_foreign_write(request):
            await _refusal(request)(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _is_foreign_write(self, request: Request) -> bool:
        if request.method in SAFE_METHODS or "authorization" in request.headers:
            return False
        by_browser = request.url.path.startswith("/console") or self._session_cookie in request.cookies
        return by_browser and not comes_from_here(request.headers)


def _refusal(request: Request) -> Response:
    if request.url.path.startswith("/console"):
        return render(request, "errors/403.html", status=403, reason="cross_site")
    return business_problem(ForeignWrite())


def _add_headers(headers: MutableHeaders) -> None:
    headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
