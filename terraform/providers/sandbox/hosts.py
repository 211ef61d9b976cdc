"""Start and stop of hosts: one init process each, its root folder, and a sweep after every stop.

All processes are started from the main thread, because the kernel's parent-death signal watches the forking
thread. Every child is reaped here, adopted orphans included: a zombie keeps its process id in use, and a lock
file with that id would look valid.
"""

import asyncio
import contextlib
import logging
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import kernel
from inventory import Record
from specs import CloudError

HERE = Path(__file__).resolve().parent
FOLDERS = ("bin", "etc/sv", "mnt", "run", "srv", "tmp", "var/log")
SECONDS_TO_BOOT = 20.0
SECONDS_TO_END = {signal.SIGTERM: 12.0, signal.SIGQUIT: 2.0}
LONGEST_SOCKET_PATH = 107
LONGEST_HOME = LONGEST_SOCKET_PATH - len("/hosts/i-0123456789ab/run/init.sock")
LOG = logging.getLogger("sandbox")


@dataclass
class Running:
    """The init of one host: its process (with namespaces: the relay outside), and whether it has ended."""

    process: subprocess.Popen[bytes]
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    expected: bool = False  # True once it was signalled to end.


class Hosts:
    """The running hosts. `when_lost` are called with instance id and exit code of an unexpected end."""

    def __init__(self, home: Path, hide: Sequence[str], claim: int) -> None:
        self.folder, self.logs, self.hide, self.claim = home / "hosts", home / "log", hide, claim
        self.when_lost: list[Callable[[str, int], None]] = []
        self.running: dict[str, Running] = {}
        self.closing = False
        for folder in (self.folder, self.logs):
            folder.mkdir(mode=0o700, exist_ok=True)

    def root(self, instance_id: str) -> Path:
        return self.folder / instance_id

    def is_up(self, instance_id: str) -> bool:
        return instance_id in self.running

    async def boot(self, record: Record) -> None:
        """Start the host unless it runs, and wait until it has booted. Raises CloudError 500 or 503."""
        if self.is_up(record.id):
            return
        if self.closing:
            raise CloudError(503, "the cloud is shutting down")
        root = self.root(record.id)
        make_root(root)
        booted, ready = os.pipe()
        try:
            running = self.running[record.id] = Running(self.spawn(record, root, ready))
        finally:
            os.close(ready)
        if not await first_byte(booted, SECONDS_TO_BOOT):
            await self.halt(record.id, signal.SIGQUIT)
            tail = (self.logs / f"{record.id}.log").read_text("utf-8", "replace")[-500:]
            raise CloudError(
                500, f"{record.id} did not boot (exit code {running.process.returncode}): {tail}"
            )

    def spawn(self, record: Record, root: Path, ready: int) -> subprocess.Popen[bytes]:
        hidden = [option for folder in self.hide for option in ("--hide", folder)]
        init = [sys.executable, "-I", "-S", "-B", str(HERE / "hostd.py"), "--root", str(root), *hidden]
        with (self.logs / f"{record.id}.log").open("ab") as log:
            return subprocess.Popen(
                [*init, "--parent", str(os.getpid()), "--ready", str(ready), "--claim", str(self.claim)],
                cwd=root,
                env=environment(record, root),
                pass_fds=(ready, self.claim),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    async def halt(self, instance_id: str, signum: signal.Signals) -> None:
        """Stop the host and all its processes: cleanly with SIGTERM, at once with SIGQUIT."""
        if running := self.running.get(instance_id):
            running.expected = True
            running.process.send_signal(signum)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(running.ended.wait(), SECONDS_TO_END[signum])
            if not running.ended.is_set():
                running.process.kill()
                await running.ended.wait()
        kernel.sweep(str(self.root(instance_id)))

    def children_ended(self) -> None:
        """Reap every child, and report the inits among them."""
        for pid, code in kernel.reap():
            for instance_id, running in list(self.running.items()):
                if running.process.pid == pid:
                    running.process.returncode = code
                    del self.running[instance_id]
                    running.ended.set()
                    if not running.expected:
                        LOG.warning("the init of %s ended with %s", instance_id, code)
                        for notify in self.when_lost:
                            notify(instance_id, code)

    async def remove(self, instance_id: str) -> None:
        """Remove the host's folder, including entries whose modes deny access."""
        doomed = self.folder / f".{instance_id}.doomed"
        if self.root(instance_id).exists():
            self.root(instance_id).rename(doomed)
        await asyncio.to_thread(remove_folder, doomed)
        (self.logs / f"{instance_id}.log").unlink(missing_ok=True)


async def first_byte(descriptor: int, seconds: float) -> bool:
    """Return True if a byte arrives within `seconds`, False at end of file or timeout. Closes the pipe."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[bool] = loop.create_future()
    loop.add_reader(
        descriptor, lambda: None if arrived.done() else arrived.set_result(bool(os.read(descriptor, 1)))
    )
    try:
        return await asyncio.wait_for(arrived, seconds)
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def make_root(root: Path) -> None:
    """Create the folders and the two commands of every host, `python3` and `svc`."""
    for folder in FOLDERS:
        (root / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    python = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n'
    for name, text in (("svc", (HERE / "svc").read_text("utf-8")), ("python3", python)):
        path = root / "bin" / name
        if not path.exists() or path.read_text("utf-8") != text:
            kernel.write_durably(path, text, 0o700)


def environment(record: Record, root: Path) -> dict[str, str]:
    """Return the environment of the host's processes; of the cloud's own it has the library path only."""
    inherited = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return inherited | {
        "HOME": str(root),
        "HOST_ADDR": record.address or "",
        "HOST_INIT": str(HERE / "hostd.py"),
        "HOST_NAME": record.name,
        "HOST_PYTHON": sys.executable,
        "HOST_ROOT": str(root),
        "LANG": "C.UTF-8",
        "PATH": f"{root}/bin:/usr/local/bin:/usr/bin:/bin",
        "TMPDIR": str(root / "tmp"),
    }


def remove_folder(folder: Path) -> None:
    """Remove a tree, including folders that deny access to their owner. Symbolic links are not followed."""
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            path = Path(parent, name)
            if not path.is_symlink():
                path.chmod(0o700)
    if folder.exists():
        shutil.rmtree(folder)
