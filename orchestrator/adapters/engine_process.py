"""One engine process: started, watched line by line, stopped with care, never left behind.

The child writes to files in the run's folder and this module follows the file. A killed worker
therefore neither breaks the child's pipe nor blocks it, and what the child said stays readable.
The child leads a session of its own: a signal meant for us never reaches it, and one call ends it
with everything it started.
"""

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from orchestrator.runs.engine import LogSink, ShouldStop

_TICK_SECONDS: Final = 0.002
_QUIET_TICK_SECONDS: Final = 0.005
_ASK_EVERY_SECONDS: Final = 1.0
_STDERR_TAIL_BYTES: Final = 8192
_READ_BYTES: Final = 1 << 18

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProcessOutcome:
    """How a process ended; a negative `returncode` is the signal that ended it."""

    returncode: int
    stopped_because: str | None
    stderr_tail: str


def stderr_path(output: Path) -> Path:
    """Where the standard error of a process goes whose output goes to `output`."""
    return output.with_name(output.name + ".stderr")


def run_process(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    output: Path,
    on_line: LogSink,
    should_stop: ShouldStop,
    keep_open: tuple[int, ...] = (),
    timeout_seconds: float = 3600,
    idle_seconds: float = 900,
    grace_seconds: float = 60,
) -> ProcessOutcome:
    """Run `argv` to its end and hand over each line of its output as it is written.

    A reason from `should_stop`, the time limit or a silence of `idle_seconds` sends exactly one SIGINT
    (a second one makes Terraform give up its state) and, after `grace_seconds`, SIGKILL to the whole
    group. `env` is the whole environment. A `should_stop` that fails counts as "no"; an `on_line` that
    fails interrupts the process too, and its error is raised. Raises OSError when the program cannot be
    started.
    """
    with _fresh(output) as stdout, _fresh(stderr_path(output)) as stderr:
        process = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            pass_fds=keep_open,
            start_new_session=True,
            umask=0o077,
        )
    stop = _Stop(process.pid, should_stop, timeout_seconds, idle_seconds, grace_seconds)
    try:
        with output.open("rb", buffering=0) as written:
            _follow(process.pid, _Lines(written, on_line), stop)
    except BaseException:
        # Our own fault must not cost the state of what the process has made so far.
        stop.interrupt("error")
        _follow(process.pid, None, stop)
        raise
    finally:
        # The leader is not reaped yet, so its number cannot have passed to anybody else's group.
        _signal_group(process.pid, signal.SIGKILL)
        returncode = process.wait()
    return ProcessOutcome(returncode, stop.reason, _tail(stderr_path(output)))


def _fresh(path: Path) -> IO[bytes]:
    # A process of an earlier attempt may still be writing: it keeps the unlinked file to itself.
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600), "wb")


def _follow(pid: int, lines: "_Lines | None", stop: "_Stop") -> None:
    while not _has_ended(pid):
        if lines and lines.deliver():
            stop.heard()
        stop.check()
        time.sleep(stop.tick())
    if lines:
        lines.deliver()
        lines.deliver_rest()


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _STDERR_TAIL_BYTES))
        return file.read().decode(errors="replace")


class _Lines:
    """Whole lines of a growing file; a line without its end waits for the rest."""

    def __init__(self, file: IO[bytes], on_line: LogSink) -> None:
        self._file = file
        self._on_line = on_line
        self._begun = b""

    def deliver(self) -> bool:
        """Hand over what was written since the last call; True when there was anything."""
        heard = False
        while data := self._file.read(_READ_BYTES):
            heard = True
            *whole, self._begun = (self._begun + data).split(b"\n")
            for line in whole:
                self._on_line(line.decode(errors="replace"))
        return heard

    def deliver_rest(self) -> None:
        """Hand over a last line that has no end."""
        if self._begun:
            self._on_line(self._begun.decode(errors="replace"))
            self._begun = b""


class _Stop:
    """Decides when a process must end and says so once; then it kills."""

    def __init__(self, pid: int, should_stop: ShouldStop, timeout: float, idle: float, grace: float) -> None:
        self.reason: str | None = None
        self._pid = pid
        self._should_stop = should_stop
        self._idle = idle
        self._grace = grace
        now = time.monotonic()
        self._must_end_at = now + timeout
        self._heard_at = now
        self._ask_at = now
        self._kill_at = float("inf")

    def heard(self) -> None:
        """Note that the process said something."""
        self._heard_at = time.monotonic()

    def tick(self) -> float:
        """Seconds until the next look: fewer while the process talks."""
        return _TICK_SECONDS if time.monotonic() - self._heard_at < 1 else _QUIET_TICK_SECONDS

    def check(self) -> None:
        """Interrupt the process when there is a reason, and kill it when it did not obey in time."""
        now = time.monotonic()
        if now >= self._kill_at:
            self._kill_at = float("inf")
            _signal_group(self._pid, signal.SIGKILL)
        elif self.reason is None and (reason := self._why(now)):
            self.interrupt(reason)

    def interrupt(self, reason: str) -> None:
        """Send the one interrupt, unless it was sent before."""
        if self.reason is None:
            self.reason = reason
            self._kill_at = time.monotonic() + self._grace
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGINT)

    def _why(self, now: float) -> str | None:
        if now >= self._must_end_at:
            return "timeout"
        if now - self._heard_at >= self._idle:
            return "idle"
        if now < self._ask_at:
            return None
        self._ask_at = now + _ASK_EVERY_SECONDS
        try:
            return self._should_stop()
        except Exception:
            # A question that cannot be answered (the database is away) is no reason to stop.
            logger.warning("Whether process %s shall stop is unknown for now", self._pid, exc_info=True)
            return None
