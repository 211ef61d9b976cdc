"""The whole product as real processes: web, sandbox cloud and workers on a database of their own.

Run by root, the processes belong to `nobody`, as the product's do.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
from sqlalchemy import Engine

from orchestrator.adapters.sandbox_cloud import SandboxCloud
from orchestrator.client.api import FINAL
from orchestrator.client.models import RunDetail
from orchestrator.core.db import create_database_engine
from orchestrator.settings import Settings
from tests.callers import Callers
from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[1]
NOBODY = 65534

Process = subprocess.Popen[bytes]


def unprivileged(argv: list[str]) -> list[str]:
    """The command as an ordinary account runs it, even if root runs the tests."""
    if os.getuid() != 0:
        return argv
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *argv]


def wait_until(holds: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """The first true value of `holds`."""
    give_up = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < give_up, f"in {seconds} s this did not happen: {what}"
        time.sleep(0.05)
    return value


def reserve_port() -> socket.socket:
    """A socket whose port nobody else is given while it is open, and on which a server can listen."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


class RunningService:
    """Processes on one home folder and one database; each may be killed and started again."""

    def __init__(self, database_url: str, **environment: str) -> None:
        # The path of a unix socket has at most 107 bytes, so the home is not below pytest's own folder.
        self.home = Path(tempfile.mkdtemp(prefix="gcs-", dir="/tmp"))
        if os.getuid() == 0:
            os.chown(self.home, NOBODY, NOBODY)
        self.reserved = reserve_port()
        port = self.reserved.getsockname()[1]
        self.settings = Settings(home=self.home, port=port, database_url=database_url)
        self.database_url = database_url
        self.engine: Engine = create_database_engine(database_url)
        self.callers = Callers(self.engine, self.settings.url)
        self.web: Process | None = None
        self.cloud: Process | None = None
        self.workers: list[Process] = []
        self._environment = environment

    def start(self) -> "RunningService":
        """Cloud, web and one worker."""
        self.start_cloud()
        self.start_web()
        self.start_worker()
        return self

    def start_cloud(self) -> Process:
        provider = ROOT / "terraform" / "providers" / "sandbox"
        mirror = [sys.executable, "-B", str(provider / "install.py")]
        self._run([*mirror, "--mirror", str(self.settings.provider_mirror)])
        door = self.settings.sandbox_socket
        options = ["--home", str(self.home / "sandbox"), "--socket", str(door)]
        program = [sys.executable, "-I", "-B", str(provider / "sandboxd.py"), *options]
        self._run(["mkdir", "-p", "-m", "700", str(door.parent), str(self.settings.engine_home)])
        self.cloud = self._spawn("cloud", [*program, "--parent", str(os.getpid())])
        wait_until(SandboxCloud(door).is_running, "the cloud answers")
        return self.cloud

    def start_web(self) -> Process:
        self.web = self._govcloud("web")
        wait_until(self._web_answers, "the web process answers")
        return self.web

    def start_worker(self, **environment: str) -> Process:
        """One more worker; `environment` is added to its own."""
        worker = self._govcloud("worker", **environment)
        self.workers.append(worker)
        return worker

    def _govcloud(self, command: str, **environment: str) -> Process:
        return self._spawn(command, [sys.executable, "-B", "-m", "orchestrator", command], **environment)

    def environment(self) -> dict[str, str]:
        """The environment of every process of the product."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "TF_"))}
        return kept | {
            "DATABASE_URL": self.database_url,
            "GOVCLOUD_HOME": str(self.home),
            "GOVCLOUD_PORT": str(self.settings.port),
            "HOME": str(self.home),
            "PYTHONDONTWRITEBYTECODE": "1",
            **self._environment,
        }

    def command(
        self, *arguments: str, stdin: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """One `govcloud` command, to its end; `environment` is added to its own."""
        return subprocess.run(
            unprivileged([sys.executable, "-B", "-m", "orchestrator", *arguments]),
            cwd=ROOT,
            env=self.environment() | environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def _run(self, argv: list[str]) -> None:
        subprocess.run(unprivileged(argv), check=True, env=self.environment(), stdout=subprocess.DEVNULL)

    def _spawn(self, name: str, argv: list[str], **environment: str) -> Process:
        with self.log_of(name).open("ab") as output:
            return subprocess.Popen(
                unprivileged(argv),
                cwd=ROOT,
                env=self.environment() | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def log_of(self, name: str) -> Path:
        """The log of ``web``, ``cloud`` or ``worker``."""
        return self.home / f"{name}.log"

    def _web_answers(self) -> bool:
        assert self.web is not None
        assert self.web.poll() is None, self.log_of("web").read_text()
        try:
            return httpx2.get(f"{self.settings.url}/healthz", timeout=20).status_code == 200
        except httpx2.TransportError:
            return False

    def ask_cloud(self, **request: Any) -> dict[str, Any]:
        """One request to the sandbox cloud itself, behind Terraform's back."""
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(60)
            door.connect(str(self.settings.sandbox_socket))
            door.sendall(json.dumps(request).encode() + b"\n")
            with door.makefile("rb") as answers:
                answer: dict[str, Any] = json.loads(answers.readline())
        assert answer["ok"], answer
        return answer

    def ended_run(self, run_id: UUID, seconds: float = PATIENCE) -> RunDetail:
        """The run once it has ended."""
        reader = self.callers("xxh.reviewer")

        def ended() -> RunDetail | None:
            alive = [worker for worker in self.workers if worker.poll() is None]
            assert alive, self.log_of("worker").read_text()[-3000:]
            run = reader.read_run(run_id)
            return run if run.status in FINAL else None

        run: RunDetail = wait_until(ended, f"run {run_id} ends", seconds)
        return run

    def log_lines(self, run_id: UUID) -> tuple[str, ...]:
        """The run's log as people read it."""
        return self.callers("xxh.reviewer").read_run_log(run_id).lines

    def stop(self) -> None:
        """End every process and remove the home folder."""
        self.callers.close()
        for process in (*self.workers, self.web, self.cloud):
            if process is not None:
                _end(process)
        for pid in self.leftovers():
            os.kill(pid, signal.SIGKILL)
        self.engine.dispose()
        self.reserved.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def leftovers(self) -> list[int]:
        """Every living process that works in this home: hosts, engines, anything forgotten."""
        return [
            int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and self._ours(path)
        ]

    def _ours(self, process: Path) -> bool:
        home = str(self.home)
        try:
            here = str((process / "cwd").readlink())
            environment = (process / "environ").read_bytes()
        except OSError:
            return False
        return here.startswith(home) or home.encode() in environment


def _end(process: Process) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
