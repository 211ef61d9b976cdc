"""One engine process: started, followed line by line, interrupted once, never left behind.

The child writes to files in the run's folder and this module follows them. A killed worker therefore neither
breaks the child's pipe nor blocks it, and the output stays readable. The child leads its own session: signals
for the worker do not reach it, and one call kills it with its children.
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

from orchestrator.core.stop_reasons import StopReason
from orchestrator.runs.engine import EngineRun, LogSink, ShouldStop

_TICK_SECONDS: Final = 0.002
_QUIET_TICK_SECONDS: Final = 0.005
_ASK_EVERY_SECONDS: Final = 1.0
_STDERR_TAIL_BYTES: Final = 8192
_READ_BYTES: Final = 1 << 18

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProcessOutcome:
    """How a process ended. A negative `returncode` is the signal that ended it."""

    returncode: int
    stopped_because: StopReason | None
    stderr_tail: str


def stderr_path(output: Path) -> Path:
    """Return the file for the standard error of a process whose output goes to `output`."""
    return output.with_name(output.name + ".stderr")


@dataclass(frozen=True)
class ProcessPlace:
    """Folder, complete environment, output file and inherited descriptors of a process."""

    cwd: Path
    env: Mapping[str, str]
    output: Path
    keep_open: tuple[int, ...] = ()


@dataclass(frozen=True)
class TimeLimits:
    """Seconds that a process may run, may be silent, and may take to end after the interrupt."""

    timeout_seconds: float = 3600
    idle_seconds: float = 900
    grace_seconds: float = 60


def limits_of(run: EngineRun, grace_seconds: float) -> TimeLimits:
    """Return the limits of an engine run."""
    return TimeLimits(run.timeout_seconds, run.idle_seconds, grace_seconds)


def run_process(
    argv: Sequence[str],
    *,
    place: ProcessPlace,
    limits: TimeLimits,
    on_line: LogSink,
    should_stop: ShouldStop,
) -> ProcessOutcome:
    """Run `argv` to its end and pass on each line of its output as it is written.

    A reason from `should_stop`, the timeout or too long a silence sends exactly one SIGINT, because a second
    one makes Terraform abandon its state. After the grace period the whole group gets SIGKILL. A failing
    `should_stop` counts as "no". A failing `on_line` interrupts the process and is raised again. Raises
    OSError if the program cannot be started.
    """
    with _fresh(place.output) as stdout, _fresh(stderr_path(place.output)) as stderr:
        process = subprocess.Popen(
            list(argv),
            cwd=place.cwd,
            env=dict(place.env),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            pass_fds=place.keep_open,
            start_new_session=True,
            umask=0o077,
        )
    stop = _Stop(process.pid, should_stop, limits)
    try:
        with place.output.open("rb", buffering=0) as written:
            _follow(process.pid, _Lines(written, on_line), stop)
    except BaseException:
        # An error on our side must not lose the state of the objects that the process has made.
        stop.interrupt(StopReason.ERROR)
        _follow(process.pid, None, stop)
        raise
    finally:
        # The leader has not been reaped yet, so its process id cannot have been reused.
        _signal_group(process.pid, signal.SIGKILL)
        returncode = process.wait()
    return ProcessOutcome(returncode, stop.reason, _tail(stderr_path(place.output)))


def _fresh(path: Path) -> IO[bytes]:
    # A process of an earlier attempt may still write; it keeps the unlinked file.
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600), "wb")


def _follow(pid: int, lines: "_Lines | None", stop: "_Stop") -> None:
    while not _has_ended(pid):
        if lines and lines.deliver():
            stop.note_output()
        stop.check()
        time.sleep(stop.pause())
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
    """Complete lines of a growing file; an incomplete line waits for its end."""

    def __init__(self, file: IO[bytes], on_line: LogSink) -> None:
        self._file = file
        self._on_line = on_line
        self._incomplete = b""

    def deliver(self) -> bool:
        """Pass on the lines written since the last call. Returns True if anything was written."""
        written = False
        while data := self._file.read(_READ_BYTES):
            written = True
            *complete, self._incomplete = (self._incomplete + data).split(b"\n")
            for line in complete:
                self._on_line(line.decode(errors="replace"))
        return written

    def deliver_rest(self) -> None:
        """Pass on a last line without line end."""
        if self._incomplete:
            self._on_line(self._incomplete.decode(errors="replace"))
            self._incomplete = b""


class _Stop:
    """Decides when a process must end, interrupts it once, and kills it after the grace period."""

    def __init__(self, pid: int, should_stop: ShouldStop, limits: TimeLimits) -> None:
        self.reason: StopReason | None = None
        self._pid = pid
        self._should_stop = should_stop
        self._idle = limits.idle_seconds
        self._grace = limits.grace_seconds
        now = time.monotonic()
        self._must_end_at = now + limits.timeout_seconds
        self._last_output_at = now
        self._ask_at = now
        self._kill_at = float("inf")

    def note_output(self) -> None:
        """Record that the process has written output."""
        self._last_output_at = time.monotonic()

    def pause(self) -> float:
        """Return the seconds until the next poll; short while the process writes output."""
        return _TICK_SECONDS if time.monotonic() - self._last_output_at < 1 else _QUIET_TICK_SECONDS

    def check(self) -> None:
        """Interrupt the process if there is a reason; kill it once its grace period is over."""
        now = time.monotonic()
        if now >= self._kill_at:
            self._kill_at = float("inf")
            _signal_group(self._pid, signal.SIGKILL)
        elif self.reason is None and (reason := self._why(now)):
            self.interrupt(reason)

    def interrupt(self, reason: StopReason) -> None:
        """Send the interrupt, unless it has been sent."""
        if self.reason is None:
            self.reason = reason
            self._kill_at = time.monotonic() + self._grace
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGINT)

    def _why(self, now: float) -> StopReason | None:
        if now >= self._must_end_at:
            return StopReason.TIMEOUT
        if now - self._last_output_at >= self._idle:
            return StopReason.IDLE
        if now < self._ask_at:
            return None
        self._ask_at = now + _ASK_EVERY_SECONDS
        try:
            return self._should_stop()
        except Exception:
            # A failing check, such as during a database outage, is no reason to stop.
            logger.warning("Cannot check whether process %s has to stop", self._pid, exc_info=True)
            return None
