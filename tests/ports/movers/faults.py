"""Real faults: a process killed or stopped, a row that takes its time, a cutover beside the test."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from orchestrator.adapters.movers.ansible_movers import AnsibleMovers
from orchestrator.demo.sample_system import root_of
from orchestrator.migrations.movers import SwitchResult
from orchestrator.migrations.transfer import MigrationHost, Transfer
from tests.ports.movers.legacy import World
from tests.ports.sandbox.daemon import all_pids, command_line, wait_until

DELAY = """
CREATE FUNCTION public.take_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind = {kind!r} THEN PERFORM pg_sleep({seconds}); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER take_time BEFORE INSERT ON govcloud_{key}.switches
    FOR EACH ROW EXECUTE FUNCTION public.take_time();
ALTER TABLE govcloud_{key}.switches ENABLE REPLICA TRIGGER take_time;
"""


@contextmanager
def slow_arrival(
    world: World, transfer: Transfer, kind: str, seconds: float, on: MigrationHost | None = None
) -> Iterator[None]:
    """While the block runs, the apply on the target, or `on` another, takes `seconds` for such a row."""
    host = on or world.target
    with world.admin(host) as connection:
        connection.execute(DELAY.format(kind=kind, seconds=seconds, key=transfer.key))
    try:
        yield
    finally:
        wait_until(lambda: world.answers(host), "the database answers")
        with world.admin(host) as connection:
            connection.execute("DROP FUNCTION public.take_time CASCADE")


class RunningSwitch:
    """A cutover under way in a thread of the test; `wait_for` a mark of its journal."""

    def __init__(
        self, world: World, transfer: Transfer, host: MigrationHost, begin: Callable[[], SwitchResult]
    ) -> None:
        self.folder = world.root(host) / f"srv/govcloud/{transfer.key}"
        for name in ("switch.journal", "switch.pid"):
            (self.folder / name).unlink(missing_ok=True)
        self.pool = ThreadPoolExecutor(1)
        self.future: Future[SwitchResult] = self.pool.submit(begin)

    def wait_for(self, mark: str) -> None:
        """Until the journal has the mark; `started` is there as soon as the process is."""
        path = self.folder / ("switch.pid" if mark == "started" else "switch.journal")
        sought = "" if mark == "started" else f"{mark} "
        wait_until(lambda: path.exists() and (text := path.read_text()) and sought in text, mark, 40)

    @property
    def pid(self) -> int:
        return int((self.folder / "switch.pid").read_text())

    def kill(self) -> SwitchResult:
        """kill -9 of the cutover script; return the mover's result."""
        os.kill(self.pid, signal.SIGKILL)
        return self.result()

    def result(self) -> SwitchResult:
        try:
            return self.future.result(90)
        finally:
            self.pool.shutdown(wait=False)


def begun(world: World, transfer: Transfer, movers: AnsibleMovers) -> RunningSwitch:
    """A cutover to the target that has been started."""
    return RunningSwitch(world, transfer, world.target, movers.cut_over)


def begun_rollback(world: World, transfer: Transfer, movers: AnsibleMovers) -> RunningSwitch:
    """A rollback to the source that has been started."""
    return RunningSwitch(world, transfer, world.legacy, movers.roll_back)


def pids_of(host: MigrationHost, *words: bytes) -> list[int]:
    """The processes of a host whose words contain all of these."""
    root = str(root_of(host))
    return [
        pid
        for pid in all_pids()
        if all(word in command_line(pid) for word in words) and _cwd(pid).startswith(root)
    ]


def kill_database(host: MigrationHost) -> None:
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


def pid_outside(host: MigrationHost, pid: int) -> int:
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
