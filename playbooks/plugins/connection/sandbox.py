"""Ansible connection to a sandbox host over the unix socket of its init, without a local shell or SSH.

The command runs as a child of the init: it has the host's environment and folders, dies with the host, and
is killed when this side disconnects. Its standard streams are pipes whose ends are passed with the request,
so the data goes directly between the command and Ansible.

Each request names its host; the init of any other host or cloud refuses it.
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
short_description: Connect to a sandbox host through the socket of its init
description:
  - Runs commands and copies files through ROOT/run/init.sock, where ROOT is the host's root folder.
options:
  sandbox_root:
    description: The host's root folder, from Terraform's output.
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
SECONDS_TO_DRAIN = 0.3  # A background process may keep the pipes open after the command has ended.


class Connection(ConnectionBase):
    """One host. Every command uses its own socket, so nothing stays open between commands."""

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
        """Run `cmd` in the host's shell. Returns exit code (128 + signal if killed), output and errors."""
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
        connection = self._open_socket()
        with connection, contextlib.ExitStack() as own_ends:
            command_stdin, stdin = os.pipe()
            stdout, command_stdout = os.pipe()
            stderr, command_stderr = os.pipe()
            try:
                host = Path(self.get_option("sandbox_root")).name
                request = json.dumps({"op": "exec", "host": host, "cmd": command}).encode() + b"\n"
                send(connection, request, [command_stdin, command_stdout, command_stderr])
            finally:
                for descriptor in (command_stdin, command_stdout, command_stderr):
                    os.close(descriptor)
            for descriptor in (stdout, stderr):
                own_ends.callback(os.close, descriptor)
            return self._exchange(connection, stdin, feed, {stdout: take, stderr: None})

    def _open_socket(self) -> socket.socket:
        root = self.get_option("sandbox_root")
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(f"{root}/run/init.sock")
        except OSError as error:
            connection.close()
            raise AnsibleConnectionFailure(f"host {self._name()} is not running: {error}") from error
        return connection

    def _exchange(
        self, connection: socket.socket, stdin: int, feed: Iterator[bytes], takers: dict[int, Any]
    ) -> tuple[int, bytes]:
        """Write input to the command and read its output until the init sends the exit code."""
        errors, answer, deadline = bytearray(), b"", None
        with selectors.DefaultSelector() as selector, Feeder(selector, stdin, feed) as feeder:
            selector.register(connection, selectors.EVENT_READ, None)
            for descriptor, take in takers.items():
                selector.register(descriptor, selectors.EVENT_READ, take or errors.extend)
            while deadline is None or (len(selector.get_map()) and time.monotonic() < deadline):
                for key, _ in selector.select(None if deadline is None else SECONDS_TO_DRAIN):
                    if key.fileobj is connection:
                        data = connection.recv(CHUNK)
                        answer += data
                        if not data or answer.endswith(b"\n"):
                            selector.unregister(connection)
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
    """Writes to the command's standard input without blocking, and closes it at the end."""

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
        if not self.open:  # Closed by the init's answer in the same round of events.
            return
        self.rest = self.rest or next(self.feed, b"")
        if not self.rest:
            self.close()
            return
        try:
            self.rest = self.rest[os.write(self.stdin, self.rest[:CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # The command has closed its input; the exit code shows whether it failed.
            self.close()

    def close(self) -> None:
        if self.open:
            self.open = False
            self.selector.unregister(self.stdin)
            os.close(self.stdin)


def send(connection: socket.socket, request: bytes, descriptors: list[int]) -> None:
    """Send a request with descriptors for the init.

    An init that refuses the request may answer and close before everything is sent. The broken pipe is then
    ignored, because the answer can still be read and has the reason.
    """
    passed = array.array("i", descriptors)
    with contextlib.suppress(BrokenPipeError):
        sent = connection.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])
        connection.sendall(request[sent:])


def chunks(file: BinaryIO) -> Iterator[bytes]:
    while data := file.read(CHUNK):
        yield data


def discard(_data: bytes) -> None:
    """Ignore output; `cat` into a file has none."""
