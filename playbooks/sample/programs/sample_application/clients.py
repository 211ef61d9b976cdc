"""Clients of the sample system that write continuously and record every acknowledged write.

    python clients.py --names FILE --name flood.example --port 8080 --record FOLDER --clients 4 --pause 0.012

Each client reads the address from the file of the name service before it connects. A failed write is retried
with the same number until it is acknowledged. FOLDER/<client>.acks gets one line per acknowledged write: `id
time address kind sha256`, with Unix times; FOLDER/<client>.refusals one line whenever the error changes:
`time address status`. Both files are only appended to. SIGTERM ends the clients.
"""

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import signal
import threading
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

SECONDS_TO_ANSWER = 3.0
SECONDS_BETWEEN_ATTEMPTS = 0.003
PICTURE_EVERY = 25


class Client:
    """One client: its key, its connection, its record files."""

    def __init__(self, key: str, arguments: argparse.Namespace, ended: threading.Event) -> None:
        self.key, self.arguments, self.ended = key, arguments, ended
        self.connection: http.client.HTTPConnection | None = None
        self.address, self.last_error = "", ""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.acks = os.open(arguments.record / f"{key}.acks", flags, 0o600)
        self.refusals = os.open(arguments.record / f"{key}.refusals", flags, 0o600)

    def run(self) -> None:
        number = 0
        while not self.ended.is_set():
            number += 1
            self.write(number)
            time.sleep(self.arguments.pause)

    def write(self, number: int) -> None:
        """Send one write until it is acknowledged, and record it."""
        picture = number % PICTURE_EVERY == 0
        path, body, digest = self.picture(number) if picture else self.report(number)
        while not self.ended.is_set():
            status = self.send(path, body)
            if status == HTTPStatus.CREATED:
                kind = "picture" if picture else "report"
                line = f"{self.key}-{number} {time.time():.6f} {self.address} {kind} {digest}"
                self.append(self.acks, line)
                self.last_error = ""
                return
            self.record_error(str(status))
            time.sleep(SECONDS_BETWEEN_ATTEMPTS)

    def report(self, number: int) -> tuple[str, bytes, str]:
        report = {"client": self.key, "number": number, "station": 1 + number % 60, "level_mm": number % 3000}
        return "/reports", json.dumps(report).encode(), "-"

    def picture(self, number: int) -> tuple[str, bytes, str]:
        body = hashlib.sha256(f"{self.key} {number}".encode()).digest() * 200
        return f"/pictures?client={self.key}&number={number}", body, hashlib.sha256(body).hexdigest()

    def send(self, path: str, body: bytes) -> int | str:
        """Return the HTTP status, or the name of the connection error."""
        try:
            connection = self.connected()
            connection.request("POST", path, body)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.drop()
            return type(error).__name__
        else:
            return answer.status

    def connected(self) -> http.client.HTTPConnection:
        """Return a connection to the current address of the name."""
        address = json.loads(self.arguments.names.read_text("utf-8"))[self.arguments.name]
        if self.connection is None or address != self.address:
            self.drop()
            self.address = address
            self.connection = http.client.HTTPConnection(
                address, self.arguments.port, timeout=SECONDS_TO_ANSWER
            )
            self.connection.connect()
        return self.connection

    def drop(self) -> None:
        if self.connection is not None:
            with contextlib.suppress(OSError):
                self.connection.close()
        self.connection = None

    def record_error(self, status: str) -> None:
        if (now := f"{self.address} {status}") != self.last_error:
            self.last_error = now
            self.append(self.refusals, f"{time.time():.6f} {now}")

    def append(self, record: int, line: str) -> None:
        os.write(record, f"{line}\n".encode())


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--names", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--pause", type=float, default=0.012, help="seconds between two writes of one client")
    return parser.parse_args()


def main() -> None:
    arguments, ended = options(), threading.Event()
    arguments.record.mkdir(parents=True, exist_ok=True)

    def end(_number: int, _frame: Any) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    tag = f"{os.getpid():x}{int(time.time()):x}"
    clients = [Client(f"c{number}x{tag}", arguments, ended) for number in range(1, arguments.clients + 1)]
    threads = [threading.Thread(target=client.run, daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
