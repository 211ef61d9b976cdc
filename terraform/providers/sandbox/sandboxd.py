"""The daemon of the sandbox cloud: one JSON line per request and answer, over a private unix socket.

    python -I -B sandboxd.py --home DIR --socket PATH

A lock allows one daemon per home folder. SIGTERM stops all hosts and the daemon; the next start boots the
hosts that should run.

An answer is {"ok": true, ...} or {"ok": false, "error": {"code": 409, "message": "..."}}.
"""

import argparse
import asyncio
import contextlib
import fcntl
import functools
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, TextIO

sys.path.insert(0, str(Path(__file__).resolve().parent))  # `python -I` leaves a program's own folder out.

import kernel
from blocks import BLOCKS, BlockTaken, Claim, checked_block, claim_block
from cloud import Cloud
from hosts import HERE, LONGEST_HOME, LONGEST_SOCKET_PATH, Hosts
from inventory import Inventory
from specs import CloudError

LOG = logging.getLogger("sandbox")
LONGEST_REQUEST = 64 * 1024
LONGEST_DRAIN = 4 * 1024 * 1024
SECONDS_TO_ASK = 30.0


async def serve_one(cloud: Cloud, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the request of one connection; any input gets an answer or a closed connection."""
    try:
        answer = {"ok": True, **await cloud.answer(await read_request(reader))}
    except CloudError as error:
        answer = {"ok": False, "error": {"code": error.code, "message": str(error)}}
    except (ConnectionError, TimeoutError):
        answer = {
            "ok": False,
            "error": {"code": 408, "message": f"no request within {SECONDS_TO_ASK:.0f} s"},
        }
    except Exception as error:
        LOG.exception("a request failed")
        answer = {"ok": False, "error": {"code": 500, "message": f"{type(error).__name__}: {error}"}}
    with contextlib.suppress(ConnectionError):
        writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> Any:
    """Read and parse one request. Raises CloudError 413 if it is too long, 400 if it is not JSON."""
    try:
        line = await asyncio.wait_for(reader.readline(), SECONDS_TO_ASK)
    except ValueError:
        # The rest is read and discarded: a client that still sends would not read the answer.
        with contextlib.suppress(TimeoutError, asyncio.IncompleteReadError):
            await asyncio.wait_for(reader.readexactly(LONGEST_DRAIN), 1)
        raise CloudError(413, f"the request is longer than {LONGEST_REQUEST} bytes") from None
    try:
        return json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CloudError(400, f"the request is not JSON: {error}") from None


async def serve(home: Path, listener: socket.socket, claim: Claim, hide: list[str]) -> None:
    """Answer requests on the socket until SIGTERM or SIGINT, then stop all hosts."""
    hosts = Hosts(home, hide, claim.socket.fileno())
    cloud = Cloud(Inventory(home, claim.block, claim.cloud), hosts)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGCHLD, hosts.children_ended)
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, ended.set)
    answerer = functools.partial(serve_one, cloud)
    server = await asyncio.start_unix_server(answerer, sock=listener, limit=LONGEST_REQUEST)
    starting = asyncio.create_task(cloud.start_up())
    starting.add_done_callback(lambda _task: None if cloud.ready.is_set() else ended.set())
    LOG.info(
        "serving %s with the addresses %s (%s)",
        listener.getsockname(),
        claim.block,
        "hosts in namespaces" if hide else "hosts without namespaces",
    )
    await ended.wait()
    server.close()
    starting.cancel()
    await cloud.close()
    LOG.info("all hosts have stopped")
    with contextlib.suppress(asyncio.CancelledError):
        await starting


def listen(path: Path) -> socket.socket:
    """Listen at the path, for our own account only. A stale socket is replaced."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(128)
    return listener


def lock_home(home: Path) -> TextIO:
    """Lock the home folder while the returned file is open. Exits with code 3 if it is already locked."""
    file = (home / "sandboxd.lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        print(f"another sandbox cloud, process {file.read().strip()}, already serves {home}", file=sys.stderr)
        sys.exit(3)
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def claim_addresses(home: Path, block: IPv4Network | None) -> Claim:
    """End the hosts of an earlier run, then claim the cloud's block. Exits with the reason on failure."""
    try:
        kernel.sweep(f"{home}/hosts")
        return claim_block(home, block)
    except (BlockTaken, TimeoutError) as error:
        sys.exit(f"the sandbox cloud of {home} cannot start: {error}")


def namespaces_work(home: Path, hide: list[str]) -> bool:
    """Return True if hosts can use namespaces on this machine; tested with a short-lived process."""
    with tempfile.TemporaryDirectory(prefix="probe-", dir=home) as root:
        options = [option for folder in hide for option in ("--hide", folder)]
        probe = [
            sys.executable,
            "-I",
            "-B",
            str(HERE / "nsrun.py"),
            "--root",
            root,
            "--parent",
            str(os.getpid()),
        ]
        result = subprocess.run([*probe, *options], capture_output=True, text=True, timeout=20, check=False)
    if result.returncode:
        LOG.info(
            "hosts run without namespaces, because the kernel refuses them: %s", result.stderr.strip()[-300:]
        )
    return result.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--home", type=Path, required=True, help="folder of the cloud's state and the hosts' root folders"
    )
    parser.add_argument("--socket", type=Path, required=True, help="unix socket to serve")
    parser.add_argument(
        "--block", type=checked_block, help=f"claim this block, one of {BLOCKS[0]} to {BLOCKS[-1]}"
    )
    parser.add_argument(
        "--hide", action="append", default=[], help="another folder to hide from hosts (repeatable)"
    )
    parser.add_argument("--plain", action="store_true", help="do not use namespaces")
    parser.add_argument("--parent", type=int, help="end together with this process, the parent")
    arguments = parser.parse_args()
    if os.getuid() == 0:
        sys.exit("the sandbox cloud does not run as root: it deletes files in folders that its hosts control")
    if len(os.fsencode(arguments.home.absolute())) > LONGEST_HOME:
        sys.exit(
            f"--home {arguments.home.absolute()}: at most {LONGEST_HOME} bytes, since sockets are below it"
        )
    if len(os.fsencode(arguments.socket)) > LONGEST_SOCKET_PATH:
        sys.exit(f"--socket {arguments.socket}: a socket path has at most {LONGEST_SOCKET_PATH} bytes")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    os.umask(0o077)
    kernel.become_subreaper()
    if arguments.parent:
        kernel.die_with_parent(signal.SIGTERM, arguments.parent)
    home = arguments.home.absolute()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = lock_home(home)
    claim = claim_addresses(home, arguments.block)
    hide = [str(home), *(str(Path(folder).absolute()) for folder in arguments.hide)]
    namespaced = not arguments.plain and namespaces_work(home, hide)
    with lock, claim.socket, listen(arguments.socket) as listener:
        asyncio.run(serve(home, listener, claim, hide if namespaced else []))
        arguments.socket.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
