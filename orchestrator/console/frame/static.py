"""Serve the files of the assets package; an address with a content hash may be cached forever."""

from functools import cache
from hashlib import sha256

from govcloud_assets import STATIC_DIR
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOREVER = "public, max-age=31536000, immutable"


@cache
def content_hash(name: str) -> str:
    """Return the first 16 hex digits of the file's SHA-256; FileNotFoundError for an unknown name."""
    return sha256((STATIC_DIR / name).read_bytes()).hexdigest()[:16]


def static_url(name: str) -> str:
    """Return the address of a file, e.g. ``static_url("gov.css")``; it changes with the content."""
    return f"/static/{name}?v={content_hash(name)}"


class AssetFiles(StaticFiles):
    """The application to mount at ``/static``."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC_DIR)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file: cached forever if the address carries its hash, else revalidated each time."""
        response = await super().get_response(path, scope)
        hashed = b"v=" in scope.get("query_string", b"")
        response.headers["Cache-Control"] = FOREVER if hashed else "no-cache"
        return response
