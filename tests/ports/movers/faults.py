"""Injected faults: killed and stopped processes, slow replication, and a switch running beside the test."""

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
CREATE FUNCTION public.delay_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind = {kind!r} THEN PERFORM pg_sleep({seconds}); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER delay_row BEFORE INSERT ON govcloud_{key}.switches
    FOR EACH ROW EXECUTE FUNCTION public.delay_row();
ALTER TABLE govcloud_{key}.switches ENABLE REPLICA TRIGGER delay_row;
"""


@contextmanager
def slow_arrival(
    world: World, transfer: Transfer, kind: str, seconds: float, on: MigrationHost | None = None
) -> Iterator[None]:
    """Delay the apply of rows of this kind on the target, or on the host `on`, while the block runs."""
    host = on or world.target
    with world.admin(host) as connection:
        connection.execute(DELAY.format(kind=kind, seconds=seconds, key=transfer.key))
    try:
        yield
    finally:
        wait_until(lambda: world.answers(host), "the database answers")
        with world.admin(host) as connection:
            connection.execute("DROP FUNCTION public.delay_row CASCADE")


class RunningSwitch:
    """A switch that runs in a thread of the test; `wait_for` waits for a mark of its journal."""

    def __init__(
        self, world: World, transfer: Transfer, host: MigrationHost, begin: Callable[[], SwitchResult]
    ) -> None:
        self.folder = world.root(host) / f"srv/govcloud/{transfer.key}"
        for name in ("switch.journal", "switch.pid"):
            (self.folder / name).unlink(missing_ok=True)
        self.pool = ThreadPoolExecutor(1)
        self.future: Future[SwitchResult] = self.pool.submit(begin)

    def wait_for(self, mark: str) -> None:
        """Wait until the journal has the mark, or for `started` until the process exists."""
        path = self.folder / ("switch.pid" if mark == "started" else "switch.journal")
        pattern = "" if mark == "started" else f"{mark} "
        wait_until(lambda: path.exists() and (text := path.read_text()) and pattern in text, mark, 40)

    @property
    def pid(self) -> int:
        return int((self.folder / "switch.pid").read_text())

    def kill(self) -> SwitchResult:
        """Kill the process of the switch with SIGKILL and return the mover's result."""
        os.kill(self.pid, signal.SIGKILL)
        return self.result()

    def result(self) -> SwitchResult:
        try:
            return self.future.result(90)
        finally:
            self.pool.shutdown(wait=False)


def start_cutover(world: World, transfer: Transfer, movers: AnsibleMovers) -> RunningSwitch:
    """Start a cutover to the target."""
    return RunningSwitch(world, transfer, world.target, movers.cut_over)


def start_rollback(world: World, transfer: Transfer, movers: AnsibleMovers) -> RunningSwitch:
    """Start a rollback to the source."""
    return RunningSwitch(world, transfer, world.legacy, movers.roll_back)


def pids_of(host: MigrationHost, *parts: bytes) -> list[int]:
    """Return the processes of a host whose command lines contain all these parts."""
    root = str(root_of(host))
    return [
        pid
        for pid in all_pids()
        if all(part in command_line(pid) for part in parts) and _cwd(pid).startswith(root)
    ]


def kill_database(host: MigrationHost) -> None:
    """Kill all processes of the server with SIGKILL, the postmaster first, so that it cannot clean up."""
    (postmaster,) = pids_of(host, b"/postgres\0-D")
    for pid in [postmaster, *pids_of(host, b"postgres: ")]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """Stop processes with SIGSTOP while the block runs."""
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
    """Return the process id in this namespace of a process that has the id `pid` inside the host."""
    (postmaster,) = pids_of(host, b"/postgres\0-D")
    namespace = _namespace(postmaster)
    return next(outer for outer in all_pids() if _namespace(outer) == namespace and _inner_pid(outer) == pid)


def _namespace(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""


def _inner_pid(pid: int) -> int:
    """Return the id of a process in its innermost namespace; 0 once it has ended."""
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
