"""Services of one host: defined by files, started at boot, restarted after a crash.

`ROOT/etc/sv/NAME.json` holds {"argv": [...], "env": {}, "stop": "SIGTERM", "abort": "SIGKILL",
"stop_seconds": 5}. `ROOT/etc/sv/NAME.up` exists while the service is enabled, so that it starts at
the next boot.
"""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kernel import LIBC, PR_SET_PDEATHSIG

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")
FIRST_PAUSE, LONGEST_PAUSE, STEADY_SECONDS = 0.2, 5.0, 10.0
LONGEST_STOP = 60
FIELDS = {"argv", "env", "stop", "abort", "stop_seconds"}


class RequestError(Exception):
    """A request or service file is invalid. The message names the field."""


def spawn(argv: list[str], claim: int, **options: Any) -> subprocess.Popen[bytes]:
    """Start a child in its own session; the kernel kills it when this process ends.

    The child inherits the descriptor `claim`, because its own children may outlive this process and
    still use the addresses.
    Only for single-threaded programs, because the child runs Python between fork and exec.
    """

    def before_exec() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    options |= {"start_new_session": True, "pass_fds": (claim,)}
    return subprocess.Popen(argv, preexec_fn=before_exec, **options)  # noqa: PLW1509


def read_definition(path: Path) -> dict[str, Any]:
    """Read and check a service file, with defaults filled in. Raises RequestError."""
    try:
        definition = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise RequestError(f"no such service: {path.stem}") from None
    except ValueError as error:
        raise RequestError(f"{path.name}: not JSON: {error}") from None
    if not isinstance(definition, dict):
        raise RequestError(f"{path.name}: must be an object")
    if unknown := sorted(set(definition) - FIELDS):
        raise RequestError(f"{path.name}: {unknown[0]}: unknown field")
    argv, env = definition.get("argv"), definition.get("env", {})
    if (
        not isinstance(argv, list)
        or not argv
        or not all(isinstance(argument, str) and argument for argument in argv)
    ):
        raise RequestError(f"{path.name}: argv: must be a list of non-empty strings")
    if not isinstance(env, dict) or not all(isinstance(value, str) for value in env.values()):
        raise RequestError(f"{path.name}: env: must be an object of strings")
    seconds = definition.get("stop_seconds", 5)
    if not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_STOP:
        raise RequestError(f"{path.name}: stop_seconds: must be a number from 0 to {LONGEST_STOP}")
    stop = signal_named(path, definition.get("stop", "SIGTERM"))
    abort = signal_named(path, definition.get("abort", "SIGKILL"))
    return {"argv": argv, "env": env, "stop": stop, "abort": abort, "stop_seconds": float(seconds)}


def signal_named(path: Path, name: Any) -> signal.Signals:
    if not isinstance(name, str) or name not in signal.Signals.__members__:
        raise RequestError(f"{path.name}: {name!r} is not a signal name")
    return signal.Signals[name]


class Service:
    """One service: whether it is enabled, its process, and when the next start or kill is due."""

    def __init__(self, name: str, root: Path, environment: Mapping[str, str], claim: int) -> None:
        self.name, self.root, self.environment, self.claim = name, root, environment, claim
        self.definition = read_definition(root / "etc/sv" / f"{name}.json")
        self.process: subprocess.Popen[bytes] | None = None
        self.enabled, self.stopping = False, False
        self.pause, self.due, self.started = FIRST_PAUSE, 0.0, 0.0
        self.last_exit: int | None = None
        self.when_ended: list[Callable[[], None]] = []

    def start(self) -> None:
        """Start the program unless it runs. Raises RequestError if it cannot be started."""
        self.enabled = True
        if self.process or self.stopping:
            return
        self.definition = read_definition(self.root / "etc/sv" / f"{self.name}.json")
        self.started = time.monotonic()
        with (self.root / "var/log" / f"{self.name}.log").open("ab") as log:
            try:
                self.process = spawn(
                    self.definition["argv"],
                    self.claim,
                    cwd=self.root,
                    env={**self.environment, **self.definition["env"]},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            except OSError as error:
                self.due = time.monotonic() + self.pause
                raise RequestError(f"{self.name}: cannot be started: {error}") from None

    def stop(self, mode: str) -> None:
        """Send the `stop` or `abort` signal. `when_ended` are called after the program has ended."""
        self.enabled = False
        if self.process and not self.stopping:
            self.stopping = True
            self.due = time.monotonic() + self.definition["stop_seconds"]
            self.process.send_signal(self.definition[mode])

    def ended(self, code: int) -> None:
        """Record the end of the program, and when an enabled service may restart."""
        if self.process:
            self.process.returncode = code
            kill_group(self.process.pid)
        steady = time.monotonic() - self.started > STEADY_SECONDS
        self.pause = FIRST_PAUSE if steady or self.stopping else min(self.pause * 2, LONGEST_PAUSE)
        self.process, self.stopping, self.last_exit = None, False, code
        self.due = time.monotonic() + self.pause
        callbacks, self.when_ended = self.when_ended, []
        for callback in callbacks:
            callback()

    def check(self) -> None:
        """Kill a program that exceeded its stop time; restart a crashed one that is due."""
        if time.monotonic() < self.due:
            return
        if self.process and self.stopping:
            kill_group(self.process.pid)
        elif self.enabled and not self.process:
            try:
                self.start()
            except RequestError:
                self.pause = min(self.pause * 2, LONGEST_PAUSE)
                self.due = time.monotonic() + self.pause

    def status(self) -> dict[str, Any]:
        """Return name, state (running, stopping, failing or stopped), process id and last exit code."""
        pid = self.process.pid if self.process else None
        idle = "failing" if self.enabled else "stopped"
        state = ("stopping" if self.stopping else "running") if self.process else idle
        return {"name": self.name, "state": state, "pid": pid, "last_exit": self.last_exit}


def kill_group(pid: int) -> None:
    """Kill the rest of a child's process group. The child may have ended already."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
