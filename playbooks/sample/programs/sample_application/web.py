"""Web application of the sample legacy system: receives reports of water levels, and pictures.

    POST /reports  {"client": "c1", "number": 7, "station": 3, "level_mm": 1200}  -> 201 {"id": "c1-7"}
    POST /pictures?client=c1&number=8, with the picture as body                   -> 201 {"id": "c1-8"}
    GET  /health                                                                  -> 200, or 503 with a reason

A report is acknowledged after its row is committed, a picture after its file is written and its row is
committed. A repeated number is acknowledged again and stored once. Without its database the application
answers 503.
"""

import argparse
import contextlib
import hashlib
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg

SECONDS_BETWEEN_LOGINS = 0.02  # A login costs the server a process; do not retry at once.
LONGEST_BODY = 1 << 22
REPORT = (
    "INSERT INTO report (client, number, station, level_mm, body) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT (client, number) DO NOTHING"
)
PICTURE = (
    "INSERT INTO picture (client, number, path, sha256) VALUES (%s, %s, %s, %s)"
    " ON CONFLICT (client, number) DO NOTHING"
)


class Site(ThreadingHTTPServer):
    """The server, with the state shared by all connections."""

    daemon_threads, request_queue_size = True, 128

    def __init__(self, config: dict[str, Any]) -> None:
        self.conninfo, self.uploads = config["database"], Path(config["uploads"])
        self.refused_until, self.reason = 0.0, ""
        super().__init__((config["address"], config["port"]), ClientConnection)

    def log_in(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Return a new database connection. Raises psycopg.OperationalError if the database refuses."""
        if time.monotonic() < self.refused_until:
            raise psycopg.OperationalError(self.reason)
        try:
            return psycopg.connect(self.conninfo, autocommit=True, connect_timeout=2)
        except psycopg.OperationalError as error:
            self.refused_until, self.reason = time.monotonic() + SECONDS_BETWEEN_LOGINS, str(error)
            raise


class ClientConnection(BaseHTTPRequestHandler):
    """One client connection, with its own database connection."""

    protocol_version, disable_nagle_algorithm, wbufsize = "HTTP/1.1", True, -1
    server: Site
    database: psycopg.Connection[tuple[Any, ...]] | None = None

    def do_GET(self) -> None:
        if self.path != "/health":
            self.reply(404, {"error": "unknown path; use /health"})
            return
        try:
            self.connected().execute("SELECT 1")
            self.reply(200, {"accepts": True})
        except psycopg.Error as error:
            self.answer_unavailable(error)

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(min(length, LONGEST_BODY))
        try:
            if parts.path == "/reports":
                self.reply(201, {"id": self.take_report(json.loads(body))})
            elif parts.path == "/pictures":
                self.reply(201, {"id": self.take_picture(parse_qs(parts.query), body)})
            else:
                self.reply(404, {"error": "unknown path; use /reports or /pictures"})
        except (KeyError, TypeError, ValueError) as error:
            self.reply(400, {"error": f"{type(error).__name__}: {error}"})
        except (psycopg.Error, OSError) as error:
            self.answer_unavailable(error)

    def take_report(self, report: dict[str, Any]) -> str:
        client, number = str(report["client"]), int(report["number"])
        row = (client, number, int(report["station"]), int(report["level_mm"]), json.dumps(report))
        self.connected().execute(REPORT, row)
        return f"{client}-{number}"

    def take_picture(self, query: dict[str, list[str]], body: bytes) -> str:
        """Write the file first and the row second, so that a row never names a missing file."""
        client, number = query["client"][0], int(query["number"][0])
        name = f"{hashlib.sha256(client.encode()).hexdigest()[:2]}/{client}-{number}.bin"
        if "/" in client or client.startswith("."):
            raise ValueError("client: invalid name")
        connection = self.connected()
        self.server.uploads.stat()  # Raises while the folder is missing; no new one may replace it.
        path = self.server.uploads / name
        path.parent.mkdir(exist_ok=True)
        draft = path.with_name(f"{path.name}.part")
        draft.write_bytes(body)
        draft.replace(path)
        connection.execute(PICTURE, (client, number, name, hashlib.sha256(body).hexdigest()))
        return f"{client}-{number}"

    def connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self.database is None or self.database.closed:
            self.database = self.server.log_in()
        return self.database

    def answer_unavailable(self, error: Exception) -> None:
        if isinstance(error, psycopg.Error):
            self.disconnect()
        self.reply(503, {"accepts": False, "reason": str(error).strip()})

    def disconnect(self) -> None:
        if self.database is not None:
            with contextlib.suppress(psycopg.Error):
                self.database.close()
        self.database = None

    def finish(self) -> None:
        self.disconnect()
        with contextlib.suppress(OSError):
            super().finish()

    def reply(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_arguments: Any) -> None:
        """Log nothing: a line per write would fill the disk."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    arguments = parser.parse_args()
    with Site(json.loads(arguments.config.read_text("utf-8"))) as site:
        site.serve_forever()


if __name__ == "__main__":
    os.umask(0o077)
    main()
