"""Faults of a real kind: a process killed or stopped, a row that takes its time, a cut beside the test."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from orchestrator.adapters.movers.ansible_movers import AnsibleMovers
from orchestrator.demo.sample_system import root_of
from orchestrator.migrations.move import Move, MoveHost
from orchestrator.migrations.movers import CutResult
from tests.ports.movers.legacy import World
from tests.ports.sandbox.daemon import all_pids, command_line, wait_until

DELAY = """
CREATE FUNCTION public.take_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind = {kind!r} THEN PERFORM pg_sleep({seconds}); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER take_time BEFORE INSERT ON govcloud_{key}.cut FOR EACH ROW EXECUTE FUNCTION public.take_time();
ALTER TABLE govcloud_{key}.cut ENABLE REPLICA TRIGGER take_time;
"""


@contextmanager
def slow_arrival(
    world: World, move: Move, kind: str, seconds: float, on: MoveHost | None = None
) -> Iterator[None]:
    """While the block runs, the apply on the target, or `on` another, takes `seconds` for such a row."""
    host = on or world.target
    with world.admin(host) as connection:
        connection.execute(DELAY.format(kind=kind, seconds=seconds, key=move.key))
    try:
        yield
    finally:
        wait_until(lambda: world.answers(host), "the database answers")
        with world.admin(host) as connection:
            connection.execute("DROP FUNCTION public.take_time CASCADE")


class RunningCut:
    """A cut under way in a thread of the test; `wait_for` a mark of its journal."""

    def __init__(self, world: World, move: Move, host: MoveHost, begin: Callable[[], CutResult]) -> None:
        self.folder = world.root(host) / f"srv/govcloud/{move.key}"
        for name in ("cut.journal", "cut.pid"):
            (self.folder / name).unlink(missing_ok=True)
        self.pool = ThreadPoolExecutor(1)
        self.future: Future[CutResult] = self.pool.submit(begin)

    def wait_for(self, mark: str) -> None:
        """Until the journal has the mark; `started` is there as soon as the process is."""
        path = self.folder / ("cut.pid" if mark == "started" else "cut.journal")
        sought = "" if mark == "started" else f"{mark} "
        wait_until(lambda: path.exists() and (text := path.read_text()) and sought in text, mark, 40)

    @property
    def pid(self) -> int:
        return int((self.folder / "cut.pid").read_text())

    def kill(self) -> CutResult:
        """kill -9 of the cut script; how the mover told that it ended."""
        os.kill(self.pid, signal.SIGKILL)
        return self.result()

    def result(self) -> CutResult:
        try:
            return self.future.result(90)
        finally:
            self.pool.shutdown(wait=False)


def begun(world: World, move: Move, movers: AnsibleMovers) -> RunningCut:
    """A cut to the target that has been started."""
    return RunningCut(world, move, world.target, movers.cut)


def begun_return(world: World, move: Move, movers: AnsibleMovers) -> RunningCut:
    """A return to the source that has been started."""
    return RunningCut(world, move, world.legacy, movers.return_)


def pids_of(host: MoveHost, *words: bytes) -> list[int]:
    """The processes of a host whose words contain all of these."""
    root = str(root_of(host))
    return [
        pid
        for pid in all_pids()
        if all(word in command_line(pid) for word in words) and _cwd(pid).startswith(root)
    ]


def kill_database(host: MoveHost) -> None:
    """kill -9 of the whole server: the postmaster first, so that nobody cleans up."""
    (postmaster,) = pids_of(host, b"/postgres\0-D")
    for pid in [postmaster, *pids_of(host, b"postgres: ")]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """Processes that do nothing while the block runs."""
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def pid_outside(host: MoveHost, pid: int) -> int:
    """What a process of a host is called here, where the host may have numbers of its own."""
    (postmaster,) = pids_of(host, b"/postgres\0-D")
    space = _space(postmaster)
    return next(each for each in all_pids() if _space(each) == space and _own_number(each) == pid)


def _space(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""


def _own_number(pid: int) -> int:
    """The number of a process in the innermost of its namespaces; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[-1]) for line in lines if line.startswith("NSpid:")), 0)


def _cwd(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return ""
