"""A real sandbox cloud for a test: runs under an unprivileged account, with clean-up afterwards."""

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

from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[3]
PROVIDER = ROOT / "terraform/providers/sandbox"
NOBODY = 65534
SECONDS_TO_ANSWER = 60.0
INSTANCE = {
    "pool": "EXT-X86",
    "arch": "x86",
    "image": "debian-12",
    "purpose": "app",
    "label": "a label",
    "vcpu": 4,
    "memory_gb": 16,
}


class Refused(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def unprivileged(argv: list[str]) -> list[str]:
    """Return the command that runs under an ordinary account, also when root runs the tests."""
    if os.getuid() != 0:
        return argv
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *argv]


def short_folder() -> Path:
    """Create a folder of that account with a short path, because a socket path has at most 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="gcs-", dir="/tmp"))
    if os.getuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    return folder


class Daemon:
    """The cloud of one home folder, and its process."""

    def __init__(self, *options: str, plain: bool) -> None:
        self.options, self.plain = options, plain
        self.home = short_folder()
        self.socket = self.home / "s.sock"
        self.log = self.home / "daemon.log"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        options = ["--home", str(self.home), "--socket", str(self.socket), *self.options]
        program = [sys.executable, "-I", "-B", str(PROVIDER / "sandboxd.py"), *options]
        return unprivileged([*program, "--parent", str(os.getpid()), *(["--plain"] if self.plain else [])])

    def start(self) -> "Daemon":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, start_new_session=True)
        wait_until(self.answers, "the cloud answers")
        return self

    def answers(self) -> bool:
        try:
            return bool(self.ask(op="ping"))
        except OSError:
            return False

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        """Kill the cloud with SIGKILL, as the kernel does when memory is short."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Stop the cloud with SIGTERM and return the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)

    def close(self) -> None:
        """Stop the cloud and all its processes, and remove its folder."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        for pid in self.leftovers():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.home, ignore_errors=True)

    def raw(self, data: bytes) -> dict[str, Any]:
        """Send these bytes and return the answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS_TO_ANSWER)
            connection.connect(str(self.socket))
            connection.sendall(data)
            answer: dict[str, Any] = json.loads(connection.makefile("rb").readline())
            return answer

    def ask(self, **request: Any) -> dict[str, Any]:
        answer = self.raw(json.dumps(request).encode() + b"\n")
        if not answer["ok"]:
            raise Refused(answer["error"]["code"], answer["error"]["message"])
        return answer

    def create(self, key: str, **spec: Any) -> dict[str, Any]:
        """Create or adopt the object with the key `workspace/kind/name`, and return it."""
        kind = key.split("/")[1]
        request = {"op": "create", "kind": kind, "key": key, "spec": spec, "tags": {"system": "SYS-019"}}
        answer: dict[str, Any] = self.ask(**request, run="run-1")
        return {**answer["object"], "adopted": answer["adopted"]}

    def instance_spec(self, name: str = "web-1", workspace: str = "slj-1", **changed: Any) -> dict[str, Any]:
        """Create network, security group and port, and return the spec of an instance that uses them."""
        network = self.create(f"{workspace}/network/main", zone="extranet", name="main")["id"]
        group = self.create(f"{workspace}/security_group/{name}", network=network, ports=[80])["id"]
        port = self.create(f"{workspace}/port/{name}", network=network, security_group=group)["id"]
        return {**INSTANCE, "port": port, **changed}

    def instance(self, name: str = "web-1", workspace: str = "slj-1", **changed: Any) -> dict[str, Any]:
        return self.create(f"{workspace}/instance/{name}", **self.instance_spec(name, workspace, **changed))

    def read(self, object_id: str) -> dict[str, Any]:
        record: dict[str, Any] = self.ask(op="read", id=object_id)["object"]
        return record

    def execute(self, host_root: str, command: str) -> int:
        """Run a shell command in the host and return its exit code."""
        with socket.socket(socket.AF_UNIX) as connection, Path(os.devnull).open("r+b") as nothing:
            connection.connect(f"{host_root}/run/init.sock")
            request = {"op": "exec", "host": Path(host_root).name, "cmd": command}
            socket.send_fds(connection, [json.dumps(request).encode() + b"\n"], [nothing.fileno()] * 3)
            return int(json.loads(connection.makefile("rb").readline())["rc"])

    def hosts(self) -> list[int]:
        """Return the process ids of the hosts' inits, the children of the cloud."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in children]

    def leftovers(self) -> list[int]:
        """Return the process ids of all hosts of this cloud."""
        return [pid for pid in all_pids() if belongs(pid, f"{self.home}/hosts/")]


def all_pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def command_line(pid: int) -> bytes:
    """Return the command line of a process, with a zero byte after each word; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def belongs(pid: int, hosts: str) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        here = str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return False
    return here.startswith(hosts) or f"HOST_ROOT={hosts}".encode() in environment


def wait_until(holds: Callable[[], object], condition: str, seconds: float = PATIENCE) -> float:
    """Wait until the condition holds and return the seconds that it took."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not in {seconds} s: {condition}")
        time.sleep(0.01)
    return time.monotonic() - began
