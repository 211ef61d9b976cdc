"""Everything under one command: each part a process of its own, started in order, restarted when it dies."""

import errno
import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from orchestrator.adapters.embedded_postgres import EmbeddedPostgres
from orchestrator.adapters.sandbox_cloud import SandboxCloud
from orchestrator.core import clock
from orchestrator.core.db import create_database_engine, transaction
from orchestrator.core.errors import BusinessError
from orchestrator.departments.queries import organisations
from orchestrator.schema import revisions
from orchestrator.settings import Settings

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 60.0
DRAIN_SECONDS = 60.0
RESTART_PAUSE_SECONDS = 1.0

# A part gets SIGTERM when this process is gone, however it went. That cannot be arranged between fork and
# exec of a process with threads, so a fresh interpreter does it and then becomes the part.
_LAUNCH = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(1, 15)\n"
    "os.getppid() == int(sys.argv[1]) or os._exit(1)\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)


class PartDied(BusinessError):
    """A part did not come up."""


class AlreadyRunning(BusinessError):
    """The product already runs with this folder."""


class PortTaken(BusinessError):
    """The web process cannot listen on its port."""


def listen(host: str, port: int) -> socket.socket:
    """Listen on the port, or on any free one when it is 0. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "is taken by another program" if taken else f"cannot be served: {error.strerror}"
        raise PortTaken(f"Port {port} of {host} {reason}; choose another with --port.") from error


@dataclass
class Part:
    """One child process; its output goes to a file of the log folder."""

    name: str
    argv: list[str]
    environment: Mapping[str, str]
    log_path: Path
    descriptors: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it in a session of its own, so that a Ctrl-C reaches only the supervisor."""
        launch = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid())]
        with self.log_path.open("ab") as output:
            self.process = subprocess.Popen(
                [*launch, *self.argv],
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self.descriptors,
            )

    def has_died(self) -> bool:
        """Return whether it was started and has ended unasked."""
        return self.process is not None and self.process.poll() is not None

    def last_words(self) -> str:
        """Return the last line of the log for the end of a message; empty without a line."""
        lines = self.log_path.read_text("utf-8", "replace").splitlines()
        return f": {lines[-1].strip()}" if lines else ""

    def terminate(self) -> None:
        """Send SIGTERM; a second one makes a worker stop its running engines too."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """SIGTERM, patience, then SIGKILL."""
        if self.process is None:
            return
        self.terminate()
        try:
            self.process.wait(DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Everything:
    """Database, sandbox cloud, web and one worker, as a context manager.

    Inside it, SIGTERM has the effect of Ctrl-C. `report` gets the name of each part before it starts. With
    `any_port` a port that is taken is replaced by a free one, which is then found in `settings`.
    """

    def __init__(
        self,
        settings: Settings,
        report: Callable[[str], None] = lambda _part: None,
        *,
        any_port: bool = False,
    ) -> None:
        self.settings, self.any_port = settings, any_port
        self.database: EmbeddedPostgres | None = None
        self.parts: list[Part] = []
        self._report = report
        self._folder = ExitStack()

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.default_int_handler)
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

    @property
    def logs(self) -> Path:
        """The folder with one log file a part."""
        return self.settings.home / "log"

    def start(self) -> None:
        """Bring every part up; returns when the web process answers.

        Raises:
            AlreadyRunning: another supervisor works with the same folder.
            PortTaken: the port of the web process is not free.
            PartDied: a part did not come up; its log is named.
        """
        for folder in (self.settings.home, self.logs, self.settings.engine_home):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = self._take_folder()
        listener = self._take_port()
        lock.write(f"process {os.getpid()}, {self.settings.url}\n")
        lock.flush()
        self._start_database()
        self._start_cloud()
        self._report("web process and worker")
        self._start_part("web", [*self._govcloud, "web", "--fd", str(listener)], listener)
        self._start_part("worker", [*self._govcloud, "worker"])
        self._wait_for("web", self._web_answers)

    def _take_folder(self) -> TextIO:
        lock = self._folder.enter_context((self.settings.home / "up.lock").open("a+"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyRunning(
                f"The product already runs with {self.settings.home} ({lock.read().strip()}). "
                "End it with Ctrl-C there, or set GOVCLOUD_HOME to another folder."
            ) from None
        lock.truncate(0)
        return lock

    def _take_port(self) -> int:
        """Listen before anything else starts, so that two products never agree on one port."""
        host, port = self.settings.host, self.settings.port
        try:
            listener = listen(host, port)
        except PortTaken:
            if not self.any_port:
                raise
            listener = listen(host, 0)
            self.settings = self.settings.model_copy(update={"port": listener.getsockname()[1]})
        self._folder.enter_context(listener)
        return listener.fileno()

    def _start_database(self) -> None:
        if self.settings.database_url is None:
            self._report("embedded PostgreSQL")
            self.database = EmbeddedPostgres(self.settings.home / "postgres")
            self.database.start()
        self._report("newest revision of the database")
        revisions.upgrade(self.database_url)
        self._set_clock()

    def _set_clock(self) -> None:
        """Set the clock of a sample city to its as-of date at the first start."""
        if self.settings.as_of is None:
            return
        engine = create_database_engine(self.database_url)
        with transaction(engine) as session:
            if session.get(clock.ClockShift, 1) is None:
                clock.set_to(session, self.settings.as_of)
        engine.dispose()

    def is_empty(self) -> bool:
        """Return whether no content was ever loaded."""
        engine = create_database_engine(self.database_url)
        try:
            with transaction(engine) as session:
                return not organisations(session)
        finally:
            engine.dispose()

    def _start_cloud(self) -> None:
        if self.settings.cloud != "sandbox":
            return
        self._report("sandbox cloud")
        provider = self.settings.content_dir / "terraform" / "providers" / "sandbox"
        mirror = [
            sys.executable,
            str(provider / "install.py"),
            "--mirror",
            str(self.settings.provider_mirror),
        ]
        subprocess.run(mirror, check=True, stdout=subprocess.DEVNULL)
        place = self.settings.sandbox_socket
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        options = ["--home", str(place.parent), "--socket", str(place), "--parent", str(os.getpid())]
        # A host must not read the service's own state, its keys above all.
        options += ["--hide", str(self.settings.home)]
        self._start_part("cloud", [sys.executable, "-I", "-B", str(provider / "sandboxd.py"), *options])
        self._wait_for("cloud", SandboxCloud(place).is_running)

    def _start_part(self, name: str, argv: list[str], *descriptors: int) -> None:
        environment = os.environ | {
            "DATABASE_URL": self.database_url,
            "GOVCLOUD_HOME": str(self.settings.home),
            "GOVCLOUD_PORT": str(self.settings.port),
        }
        part = Part(name, argv, environment, self.logs / f"{name}.log", descriptors)
        part.start()
        self.parts.append(part)

    @property
    def _govcloud(self) -> list[str]:
        return [sys.executable, "-m", "orchestrator"]

    def _wait_for(self, name: str, ready: Callable[[], bool]) -> None:
        part = next(item for item in self.parts if item.name == name)
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not ready():
            if part.has_died() or time.monotonic() > give_up:
                raise PartDied(
                    f"The part {name} did not come up{part.last_words()}. Its log: {part.log_path}"
                )
            time.sleep(0.05)

    def _web_answers(self) -> bool:
        address = f"http://{self.settings.host}:{self.settings.port}/readyz"
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except OSError:
            return False

    def wait(self) -> None:
        """Keep every part running until SIGTERM or Ctrl-C."""
        try:
            while True:
                for part in self.parts:
                    if part.has_died():
                        log.warning("%s ended; it is started again", part.name)
                        part.start()
                time.sleep(RESTART_PAUSE_SECONDS)
        except KeyboardInterrupt:
            return

    def stop(self) -> None:
        """Worker first (it finishes its runs), then web, cloud and database. A second Ctrl-C hurries them."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._hurry)
        for part in reversed(self.parts):
            part.stop()
        self.parts.clear()
        if self.database is not None:
            self.database.stop()
        self._folder.close()

    def _hurry(self, *_: object) -> None:
        for part in self.parts:
            part.terminate()
