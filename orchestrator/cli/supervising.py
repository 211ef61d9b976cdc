"""Everything under one command: each part a process of its own, started in order, restarted when it dies."""

import logging
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator.adapters.embedded_postgres import EmbeddedPostgres
from orchestrator.adapters.sandbox_cloud import SandboxCloud
from orchestrator.core import clock
from orchestrator.core.db import create_database_engine, transaction
from orchestrator.schema import revisions
from orchestrator.settings import Settings

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 60.0
DRAIN_SECONDS = 60.0
RESTART_PAUSE_SECONDS = 1.0


class PartDied(Exception):
    """A part did not come up; the message names its log."""


@dataclass
class Part:
    """One child process; its output goes to a file of the log folder."""

    name: str
    argv: list[str]
    environment: Mapping[str, str]
    log_path: Path
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it in a session of its own, so that a Ctrl-C reaches only the supervisor."""
        with self.log_path.open("ab") as output:
            self.process = subprocess.Popen(
                self.argv,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def has_died(self) -> bool:
        """Whether it was started and has ended by itself."""
        return self.process is not None and self.process.poll() is not None

    def stop(self) -> None:
        """SIGTERM, patience, then SIGKILL."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Everything:
    """Database, sandbox cloud, web and one worker."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database: EmbeddedPostgres | None = None
        self.parts: list[Part] = []
        self._stopping = False

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def database_url(self) -> str:
        """The address that every part is given."""
        url = self.settings.database_url or (self.database.url if self.database else None)
        if url is None:
            raise PartDied("The database has not been started.")
        return url

    def start(self) -> None:
        """Bring every part up; returns when the web process answers.

        Raises:
            PartDied: a part did not come up; its log is named.
        """
        for folder in (self.settings.home, self._logs, self.settings.engine_home):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.settings.database_url is None:
            self.database = EmbeddedPostgres(self.settings.home / "postgres")
            self.database.start()
        revisions.upgrade(self.database_url)
        self._set_clock()
        self._start_cloud()
        self._start_part("web", [*self._govcloud, "web"])
        self._start_part("worker", [*self._govcloud, "worker"])
        self._wait_for("web", self._web_answers)

    def _set_clock(self) -> None:
        """A sample city lives at its as-of date, from the first start on."""
        if self.settings.as_of is None:
            return
        engine = create_database_engine(self.database_url)
        with transaction(engine) as session:
            if session.get(clock.ClockShift, 1) is None:
                clock.set_to(session, self.settings.as_of)
        engine.dispose()

    def _start_cloud(self) -> None:
        if self.settings.cloud != "sandbox":
            return
        provider = self.settings.content_dir / "terraform" / "providers" / "sandbox"
        mirror = [
            sys.executable,
            str(provider / "install.py"),
            "--mirror",
            str(self.settings.provider_mirror),
        ]
        subprocess.run(mirror, check=True, stdout=subprocess.DEVNULL)
        socket = self.settings.sandbox_socket
        socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        home = ["--home", str(self.settings.home / "sandbox"), "--socket", str(socket)]
        self._start_part("cloud", [sys.executable, "-I", "-B", str(provider / "sandboxd.py"), *home])
        self._wait_for("cloud", SandboxCloud(socket).is_running)

    def _start_part(self, name: str, argv: list[str]) -> None:
        environment = os.environ | {
            "DATABASE_URL": self.database_url,
            "GOVCLOUD_HOME": str(self.settings.home),
            "GOVCLOUD_PORT": str(self.settings.port),
        }
        part = Part(name, argv, environment, self._logs / f"{name}.log")
        part.start()
        self.parts.append(part)

    @property
    def _govcloud(self) -> list[str]:
        return [sys.executable, "-m", "orchestrator"]

    @property
    def _logs(self) -> Path:
        return self.settings.home / "log"

    def _wait_for(self, name: str, ready: Callable[[], bool]) -> None:
        part = next(item for item in self.parts if item.name == name)
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not ready():
            if part.has_died() or time.monotonic() > give_up:
                raise PartDied(f"{name} did not come up; read {part.log_path}")
            time.sleep(0.05)

    def _web_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.settings.url}/healthz", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == HTTPStatus.OK)
        except OSError:
            return False

    def wait(self) -> None:
        """Keep every part running until SIGTERM or Ctrl-C."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told_to_stop)
        while not self._stopping:
            for part in self.parts:
                if part.has_died():
                    log.warning("%s ended; it is started again", part.name)
                    part.start()
            time.sleep(RESTART_PAUSE_SECONDS)

    def _told_to_stop(self, *_: object) -> None:
        self._stopping = True

    def stop(self) -> None:
        """Worker first (it finishes its runs), then web, cloud and database."""
        for part in reversed(self.parts):
            part.stop()
        self.parts.clear()
        if self.database is not None:
            self.database.stop()
