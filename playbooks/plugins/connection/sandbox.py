"""Ansible's way to a sandbox host: a unix socket to the host's own init, no shell on this machine, no SSH.

The command becomes a child of that init: it has the host's environment and folders, it dies with the host,
and the init kills it when this side goes away. The three streams are pipes whose far ends are handed over
with the request, so that nothing stands between the command and Ansible.

Each request names the host that it is meant for; the init of any other host, or cloud, refuses it.
"""

import array
import contextlib
import json
import os
import selectors
import shlex
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: sandbox
short_description: Reach a sandbox host through the socket of its init
description:
  - Runs commands and moves files through ROOT/run/init.sock, where ROOT is the host's root folder.
options:
  sandbox_root:
    description: The host's root folder, as Terraform's output names it.
    required: true
    type: str
    vars:
      - name: ansible_sandbox_root
  host_name:
    description: The host's name in the inventory, for messages.
    type: str
    vars:
      - name: inventory_hostname
"""

CHUNK = 1 << 16
SECONDS_TO_DRAIN = 0.3  # A background process may keep the pipes open long after the command has ended.


class Connection(ConnectionBase):
    """One host. Every command is a connection of its own, so there is nothing to keep open or to lose."""

    transport = "sandbox"
    has_pipelining = True

    def _connect(self) -> "Connection":
        self._connected = True
        return self

    def close(self) -> None:
        self._connected = False

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        """Run `cmd` by the host's shell: its exit code (128 + signal when killed), its output, its errors."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        output = bytearray()
        code, errors = self._run(cmd, iter([in_data] if in_data else []), output.extend)
        return code, bytes(output), errors

    def put_file(self, in_path: str, out_path: str) -> None:
        super().put_file(in_path, out_path)
        with Path(in_path).open("rb") as file:
            self._require_success(
                out_path, *self._run(f"cat > {shlex.quote(out_path)}", chunks(file), discard)
            )

    def fetch_file(self, in_path: str, out_path: str) -> None:
        super().fetch_file(in_path, out_path)
        with Path(out_path).open("wb") as file:
            self._require_success(in_path, *self._run(f"cat {shlex.quote(in_path)}", iter(()), file.write))

    def _require_success(self, path: str, code: int, errors: bytes) -> None:
        if code:
            raise AnsibleError(f"{path} on {self._name()}: {errors.decode('utf-8', 'replace').strip()}")

    def _name(self) -> str:
        return str(self.get_option("host_name"))

    def _run(self, command: str, feed: Iterator[bytes], take: Any) -> tuple[int, bytes]:
        door = self._knock()
        with door, contextlib.ExitStack() as ours:
            theirs_in, stdin = os.pipe()
            stdout, theirs_out = os.pipe()
            stderr, theirs_err = os.pipe()
            try:
                host = Path(self.get_option("sandbox_root")).name
                request = json.dumps({"op": "exec", "host": host, "cmd": command}).encode() + b"\n"
                send(door, request, [theirs_in, theirs_out, theirs_err])
            finally:
                for descriptor in (theirs_in, theirs_out, theirs_err):
                    os.close(descriptor)
            for descriptor in (stdout, stderr):
                ours.callback(os.close, descriptor)
            return self._exchange(door, stdin, feed, {stdout: take, stderr: None})

    def _knock(self) -> socket.socket:
        root = self.get_option("sandbox_root")
        door = socket.socket(socket.AF_UNIX)
        try:
            door.connect(f"{root}/run/init.sock")
        except OSError as error:
            door.close()
            raise AnsibleConnectionFailure(f"host {self._name()} is not running: {error}") from error
        return door

    def _exchange(
        self, door: socket.socket, stdin: int, feed: Iterator[bytes], takers: dict[int, Any]
    ) -> tuple[int, bytes]:
        """Feed the command and take what it says, until the init tells its exit code."""
        errors, answer, deadline = bytearray(), b"", None
        with selectors.DefaultSelector() as selector, Feeder(selector, stdin, feed) as feeder:
            selector.register(door, selectors.EVENT_READ, None)
            for descriptor, take in takers.items():
                selector.register(descriptor, selectors.EVENT_READ, take or errors.extend)
            while deadline is None or (len(selector.get_map()) and time.monotonic() < deadline):
                for key, _ in selector.select(None if deadline is None else SECONDS_TO_DRAIN):
                    if key.fileobj is door:
                        data = door.recv(CHUNK)
                        answer += data
                        if not data or answer.endswith(b"\n"):
                            selector.unregister(door)
                            feeder.close()
                            deadline = time.monotonic() + SECONDS_TO_DRAIN
                    elif key.fd == stdin:
                        feeder.push()
                    elif data := os.read(key.fd, CHUNK):
                        key.data(data)
                    else:
                        selector.unregister(key.fd)
        return self._exit_code(answer), bytes(errors)

    def _exit_code(self, answer: bytes) -> int:
        if not answer:
            raise AnsibleConnectionFailure(f"host {self._name()} stopped while a command ran")
        message = json.loads(answer)
        if "error" in message:
            raise AnsibleConnectionFailure(f"host {self._name()}: {message['error']}")
        return int(message["rc"])


class Feeder:
    """Writes to the command's standard input as fast as it reads, and closes it at the end."""

    def __init__(self, selector: selectors.BaseSelector, stdin: int, feed: Iterator[bytes]) -> None:
        self.selector, self.stdin, self.feed = selector, stdin, feed
        self.rest, self.open = b"", True
        os.set_blocking(stdin, False)
        selector.register(stdin, selectors.EVENT_WRITE, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def push(self) -> None:
        if not self.open:  # The init's answer came with the same event and has closed it.
            return
        self.rest = self.rest or next(self.feed, b"")
        if not self.rest:
            self.close()
            return
        try:
            self.rest = self.rest[os.write(self.stdin, self.rest[:CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # The command does not want the rest; its exit code will tell.
            self.close()

    def close(self) -> None:
        if self.open:
            self.open = False
            self.selector.unregister(self.stdin)
            os.close(self.stdin)


def send(door: socket.socket, request: bytes, descriptors: list[int]) -> None:
    """Send a request together with descriptors for the init to use.

    An init that refuses the request may answer and close before everything is sent. The broken pipe is then
    no failure of its own: the answer still waits to be read and gives the reason.
    """
    handed_over = array.array("i", descriptors)
    with contextlib.suppress(BrokenPipeError):
        sent = door.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handed_over)])
        door.sendall(request[sent:])


def chunks(file: BinaryIO) -> Iterator[bytes]:
    while data := file.read(CHUNK):
        yield data


def discard(_data: bytes) -> None:
    """`cat` into a file says nothing."""
