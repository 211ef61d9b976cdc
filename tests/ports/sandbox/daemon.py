"""A real sandbox cloud for a test: run by an unprivileged account, asked by its socket, swept afterwards."""

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
    """The command as it runs under an ordinary account, whoever runs the tests."""
    if os.getuid() != 0:
        return argv
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *argv]


def short_folder() -> Path:
    """A folder of that account with a short path: a unix socket's path has at most 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="gcs-", dir="/tmp"))
    if os.getuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    return folder


class Daemon:
    """The cloud of one home folder, and its process while it runs."""

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
        """kill -9, as the kernel does when memory is short."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM and the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)

    def close(self) -> None:
        """End the cloud and every process it started, and remove its folder."""
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
        """What the cloud answers to these very bytes."""
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(SECONDS_TO_ANSWER)
            door.connect(str(self.socket))
            door.sendall(data)
            answer: dict[str, Any] = json.loads(door.makefile("rb").readline())
            return answer

    def ask(self, **request: Any) -> dict[str, Any]:
        answer = self.raw(json.dumps(request).encode() + b"\n")
        if not answer["ok"]:
            raise Refused(answer["error"]["code"], answer["error"]["message"])
        return answer

    def create(self, key: str, **spec: Any) -> dict[str, Any]:
        """The object made (or adopted) under the key `workspace/kind/name`."""
        kind = key.split("/")[1]
        request = {"op": "create", "kind": kind, "key": key, "spec": spec, "tags": {"system": "SYS-019"}}
        answer: dict[str, Any] = self.ask(**request, run="run-1")
        return {**answer["object"], "adopted": answer["adopted"]}

    def instance_spec(self, name: str = "web-1", workspace: str = "slj-1", **changed: Any) -> dict[str, Any]:
        """The spec of an instance whose network, security group and port exist from now on."""
        network = self.create(f"{workspace}/network/main", zone="extranet", name="main")["id"]
        group = self.create(f"{workspace}/security_group/{name}", network=network, ports=[80])["id"]
        port = self.create(f"{workspace}/port/{name}", network=network, security_group=group)["id"]
        return {**INSTANCE, "port": port, **changed}

    def instance(self, name: str = "web-1", workspace: str = "slj-1", **changed: Any) -> dict[str, Any]:
        return self.create(f"{workspace}/instance/{name}", **self.instance_spec(name, workspace, **changed))

    def read(self, object_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask(op="read", id=object_id)["object"]
        return found

    def execute(self, host_root: str, command: str) -> int:
        """Run a shell command in the host, and its exit code."""
        with socket.socket(socket.AF_UNIX) as door, Path(os.devnull).open("r+b") as nothing:
            door.connect(f"{host_root}/run/init.sock")
            request = {"op": "exec", "host": Path(host_root).name, "cmd": command}
            socket.send_fds(door, [json.dumps(request).encode() + b"\n"], [nothing.fileno()] * 3)
            return int(json.loads(door.makefile("rb").readline())["rc"])

    def hosts(self) -> list[int]:
        """The pids that the cloud sees as its hosts' inits."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in children]

    def leftovers(self) -> list[int]:
        """Every living process of a host of this cloud."""
        return [pid for pid in all_pids() if belongs(pid, f"{self.home}/hosts/")]


def all_pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def command_line(pid: int) -> bytes:
    """The words of a process, each with a zero byte after it; empty when it has ended."""
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


def wait_until(holds: Callable[[], object], what: str, seconds: float = 20.0) -> float:
    """Wait until the condition holds, and how long that took in seconds."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not in {seconds} s: {what}")
        time.sleep(0.01)
    return time.monotonic() - began
