"""The init of one sandbox host: runs its services and the commands sent to its socket.

The socket is ROOT/run/init.sock; one request per connection, one JSON line each way:

    {"op": "exec", "host": "i-...", "cmd": "..."} with three descriptors (stdin, stdout, stderr) -> {"rc": 0}
    {"op": "svc", "verb": "start|stop|restart|status", "name": "..."} -> {"services": [...]}

A command names its host, and every other host refuses it; ids are unique across clouds. The command runs as
a child of this process: it has the host's environment, dies with the host, and is killed when the client
disconnects. This process has one thread, because the kernel's parent-death signal watches the forking thread.
"""

import argparse
import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))  # `python -I` leaves a program's own folder out.

import kernel
import nsrun
from services import NAME, RequestError, Service, kill_group, spawn

LONGEST_REQUEST = 1 << 20
STREAMS = 3
SECONDS = {"stop": 8.0, "abort": 0.5}  # Time for the services to end before the whole tree is killed.


class Caller:
    """One connection: the bytes received, the descriptors passed, the command that runs for it."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.text = b""
        self.descriptors: list[int] = []
        self.command: subprocess.Popen[bytes] | None = None

    def drop_descriptors(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []


class Init:
    """The init: services by name, connections by socket, and whether the host is shutting down."""

    def __init__(self, root: Path, environment: Mapping[str, str], claim: int) -> None:
        self.root, self.environment, self.claim = root, environment, claim
        self.services: dict[str, Service] = {}
        self.callers: dict[socket.socket, Caller] = {}
        self.selector = selectors.DefaultSelector()
        self.ending: str | None = None
        self.deadline = 0.0

    # --- life of the host ------------------------------------------------------------------------

    def listen(self) -> None:
        """Open the socket for callers, and a socket pair that wakes the selector on signals."""
        path = self.root / "run/init.sock"
        path.unlink(missing_ok=True)
        listener = self.listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(64)
        listener.setblocking(False)
        woken, wakeup = socket.socketpair()
        woken.setblocking(False)
        wakeup.setblocking(False)
        signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
        self.selector.register(listener, selectors.EVENT_READ, self.accept)
        self.selector.register(woken, selectors.EVENT_READ, lambda: woken.recv(4096))
        self.wakeup = wakeup  # Without a reference the socket would be closed by garbage collection.

    def boot(self) -> None:
        """Start every enabled service; one that cannot be started is retried later."""
        for path in sorted((self.root / "etc/sv").glob("*.up")):
            with contextlib.suppress(RequestError):
                service = self.service(path.stem)
                service.enabled = True
                service.start()

    def shut_down(self, mode: str) -> None:
        """Begin to shut the host down: `stop` its services cleanly, or `abort` them."""
        if self.ending != "abort":
            self.ending, self.deadline = mode, time.monotonic() + SECONDS[mode]
            for service in self.services.values():
                service.stop(mode)

    def run(self) -> None:
        """Serve until the host is shut down and its services have ended or exceeded their time."""
        while not (self.ending and (not self.running() or time.monotonic() > self.deadline)):
            for key, _ in self.selector.select(self.seconds_to_wait()):
                key.data()
            for pid, code in kernel.reap():
                self.note_end(pid, code)
            if not self.ending:
                for service in self.services.values():
                    service.check()

    def running(self) -> bool:
        return any(service.process for service in self.services.values())

    def seconds_to_wait(self) -> float | None:
        """Return the seconds until the next due service, or None to wait for a caller or a signal."""
        if self.ending:
            return 0.05
        waiting = [s.due for s in self.services.values() if s.stopping or (s.enabled and not s.process)]
        return max(0.01, min(waiting) - time.monotonic()) if waiting else None

    def note_end(self, pid: int, code: int) -> None:
        """Report the end of a child to its service or caller. An adopted orphan has neither."""
        for service in self.services.values():
            if service.process and service.process.pid == pid:
                service.ended(code)
                return
        for caller in list(self.callers.values()):
            if caller.command and caller.command.pid == pid:
                caller.command.returncode = code
                caller.command = None
                self.answer(caller, {"rc": code if code >= 0 else 128 - code})

    # --- callers ---------------------------------------------------------------------------------

    def accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            connection, _ = self.listener.accept()
            connection.setblocking(False)
            caller = self.callers[connection] = Caller(connection)
            self.selector.register(connection, selectors.EVENT_READ, lambda: self.receive(caller))

    def receive(self, caller: Caller) -> None:
        """Read from a caller. A complete line is a request; a closed connection ends its command."""
        try:
            data, descriptors, _, _ = socket.recv_fds(caller.socket, 65536, 8)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        caller.descriptors += descriptors
        caller.text += data
        if not data:
            self.hang_up(caller)
        elif caller.command is None and b"\n" in caller.text:
            self.dispatch(caller)
        elif len(caller.text) > LONGEST_REQUEST:
            self.answer(caller, {"error": f"the request is longer than {LONGEST_REQUEST} bytes"})

    def dispatch(self, caller: Caller) -> None:
        try:
            request = json.loads(caller.text.split(b"\n", 1)[0])
            kind = request.get("op") if isinstance(request, dict) else None
            if kind == "exec":
                self.execute(caller, request)
            elif kind == "svc":
                self.control(caller, request)
            else:
                self.answer(caller, {"error": f"op: {kind!r} must be exec or svc"})
        except (RequestError, ValueError, OSError) as error:
            self.answer(caller, {"error": str(error)})
        finally:
            caller.drop_descriptors()

    def execute(self, caller: Caller, request: dict[str, Any]) -> None:
        command = request.get("cmd")
        if request.get("host") != self.root.name:
            raise RequestError(f"this is the host {self.root.name}, not {request.get('host')!r}")
        if not isinstance(command, str) or len(caller.descriptors) != STREAMS:
            raise RequestError("exec: needs `cmd` as text and three descriptors")
        if self.ending:
            raise RequestError("the host is shutting down")
        stdin, stdout, stderr = caller.descriptors
        caller.command = spawn(
            ["/bin/sh", "-c", command],
            self.claim,
            cwd=self.root,
            env=dict(self.environment),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )

    def control(self, caller: Caller, request: dict[str, Any]) -> None:
        """Carry out a service request. `stop` and `restart` are answered after the service has stopped."""
        verb, name = request.get("verb"), request.get("name")
        if verb == "status" and name is None:
            names = sorted(path.stem for path in (self.root / "etc/sv").glob("*.json"))
            statuses = [self.service(name).status() for name in names if NAME.fullmatch(name)]
            self.answer(caller, {"services": statuses})
            return
        service = self.service(name)
        report: Callable[[], None] = lambda: self.answer(caller, {"services": [service.status()]})  # noqa: E731
        flag = self.root / "etc/sv" / f"{service.name}.up"
        if verb == "start":
            flag.touch()
            service.start()
        elif verb in {"stop", "restart"}:
            if verb == "stop":
                flag.unlink(missing_ok=True)
            service.stop("stop")
            if service.process:
                service.when_ended.append(lambda: self.after_stop(caller, service, verb))
                return
            if verb == "restart":
                flag.touch()
                service.start()
        elif verb != "status":
            raise RequestError(f"verb: {verb!r} must be start, stop, restart or status")
        report()

    def after_stop(self, caller: Caller, service: Service, verb: str) -> None:
        """Complete a stop or restart after the service's program has ended."""
        try:
            if verb == "restart" and not self.ending:
                service.start()
            self.answer(caller, {"services": [service.status()]})
        except RequestError as error:
            self.answer(caller, {"error": str(error)})

    def service(self, name: Any) -> Service:
        """Return the service of that name. Raises RequestError for a bad name or a missing or bad file."""
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise RequestError(f"name: {name!r} does not match {NAME.pattern}")
        if name not in self.services:
            self.services[name] = Service(name, self.root, self.environment, self.claim)
        return self.services[name]

    def answer(self, caller: Caller, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            caller.socket.sendall(json.dumps(message).encode() + b"\n")
        self.hang_up(caller)

    def hang_up(self, caller: Caller) -> None:
        caller.drop_descriptors()
        if self.callers.pop(caller.socket, None) is None:
            return
        self.selector.unregister(caller.socket)
        caller.socket.close()
        if caller.command:
            kill_group(caller.command.pid)
            caller.command = None


def svc(arguments: list[str]) -> int:
    """Run the `svc` command inside the host: send the request to the init and print the services.

    Returns 0 on success, 1 when the init refuses, 2 for wrong usage, 3 when a service does not run.
    """
    verb, name, *rest = [*arguments, "", ""]
    if not verb or any(rest):
        print("usage: svc start|stop|restart|status NAME", file=sys.stderr)
        return 2
    request = {"op": "svc", "verb": verb, "name": name or None}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"{os.environ['HOST_ROOT']}/run/init.sock")
        connection.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(connection.makefile("rb").readline() or b'{"error": "the host has shut down"}')
    if "error" in answer:
        print(answer["error"], file=sys.stderr)
        return 1
    for service in answer["services"]:
        print(f"{service['name']}: {service['state']}" + (f" {service['pid']}" if service["pid"] else ""))
    all_run = all(service["state"] == "running" for service in answer["services"])
    return 0 if all_run or verb == "stop" or len(arguments) == 1 else 3


def main() -> int:
    """Run the host below --root until SIGTERM (stops its services) or SIGQUIT (aborts them)."""
    if sys.argv[1:2] == ["svc"]:
        return svc(sys.argv[2:])
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--root", required=True)
    parser.add_argument(
        "--parent", type=int, required=True, help="process id of the cloud that starts this host"
    )
    parser.add_argument(
        "--ready", type=int, required=True, help="descriptor that receives one byte when the host has booted"
    )
    parser.add_argument("--claim", type=int, required=True, help="descriptor of the cloud's address claim")
    parser.add_argument("--hide", action="append", default=[], help="use namespaces and hide this folder")
    arguments = parser.parse_args()
    kernel.die_with_parent(signal.SIGTERM, arguments.parent)
    if arguments.hide:
        nsrun.enter(arguments.root, arguments.hide)
    kernel.become_subreaper()
    os.umask(0o077)
    host = Init(Path(arguments.root), dict(os.environ), arguments.claim)
    signal.signal(signal.SIGTERM, lambda _signal, _frame: host.shut_down("stop"))
    signal.signal(signal.SIGQUIT, lambda _signal, _frame: host.shut_down("abort"))
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
    host.listen()
    host.boot()
    os.write(arguments.ready, b"1")
    os.close(arguments.ready)
    host.run()
    kernel.sweep(arguments.root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
