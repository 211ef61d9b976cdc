"""The sandbox cloud as a process: one JSON line in, one JSON line out, over a unix socket of its own account.

    python -I -B sandboxd.py --home DIR --socket PATH

One process serves a home folder (a lock sees to that). SIGTERM stops all hosts and ends it; at the next start
what should run is booted. An answer is {"ok": true, ...} or {"ok": false, "error": {"code": 409, "message":
"..."}}.
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
    """Answer one connection's one request; whatever it sends, it gets an answer or the connection's end."""
    try:
        answer = {"ok": True, **await cloud.answer(await read_request(reader))}
    except CloudError as error:
        answer = {"ok": False, "error": {"code": error.code, "message": str(error)}}
    except (ConnectionError, TimeoutError):
        answer = {
            "ok": False,
            "error": {"code": 408, "message": f"no request came in {SECONDS_TO_ASK:.0f} s"},
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
    """The request as parsed JSON. Raises CloudError 413 when it is too long, 400 when it is not JSON."""
    try:
        line = await asyncio.wait_for(reader.readline(), SECONDS_TO_ASK)
    except ValueError:
        # The rest is read and thrown away, or the client could not finish sending and would miss the answer.
        with contextlib.suppress(TimeoutError, asyncio.IncompleteReadError):
            await asyncio.wait_for(reader.readexactly(LONGEST_DRAIN), 1)
        raise CloudError(413, f"the request is longer than {LONGEST_REQUEST} bytes") from None
    try:
        return json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CloudError(400, f"the request is not JSON: {error}") from None


async def serve(home: Path, door: socket.socket, claim: Claim, hide: list[str]) -> None:
    """Answer what comes to the listening socket until SIGTERM or SIGINT, then stop all hosts."""
    hosts = Hosts(home, hide, claim.socket.fileno())
    cloud = Cloud(Inventory(home, claim.block, claim.cloud), hosts)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGCHLD, hosts.children_ended)
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, ended.set)
    answerer = functools.partial(serve_one, cloud)
    server = await asyncio.start_unix_server(answerer, sock=door, limit=LONGEST_REQUEST)
    waking = asyncio.create_task(cloud.wake())
    waking.add_done_callback(lambda _task: None if cloud.ready.is_set() else ended.set())
    LOG.info(
        "serving %s with the addresses %s (%s)",
        door.getsockname(),
        claim.block,
        "hosts have namespaces of their own" if hide else "plain hosts",
    )
    await ended.wait()
    server.close()
    waking.cancel()
    await cloud.close()
    LOG.info("all hosts are down")
    with contextlib.suppress(asyncio.CancelledError):
        await waking


def open_door(path: Path) -> socket.socket:
    """Listen at the path, for our own account only; what an earlier process left there is replaced."""
    path.unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(path))
    path.chmod(0o600)
    door.listen(128)
    return door


def the_only_one(home: Path) -> TextIO:
    """Hold the home folder's lock while the returned file is open; leave with code 3 if another has it."""
    file = (home / "sandboxd.lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        print(f"another sandbox cloud, process {file.read().strip()}, serves {home}", file=sys.stderr)
        sys.exit(3)
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def own_block(home: Path, wanted: IPv4Network | None) -> Claim:
    """Claim the cloud's addresses, once no host of an earlier run holds them; leave with a reason."""
    try:
        kernel.sweep(f"{home}/hosts")
        return claim_block(home, wanted)
    except (BlockTaken, TimeoutError) as error:
        sys.exit(f"the sandbox cloud of {home} cannot start: {error}")


def namespaces_work(home: Path, hide: list[str]) -> bool:
    """True when a host can have namespaces here, found out by giving some to a short-lived one."""
    with tempfile.TemporaryDirectory(prefix="probe-", dir=home) as root:
        options = [word for folder in hide for word in ("--hide", folder)]
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
        LOG.info("plain hosts, since the kernel refuses namespaces: %s", result.stderr.strip()[-300:])
    return result.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--home", type=Path, required=True, help="folder of the cloud's state and of the hosts' roots"
    )
    parser.add_argument("--socket", type=Path, required=True, help="unix socket to serve")
    parser.add_argument(
        "--block", type=checked_block, help=f"claim this block, one of {BLOCKS[0]} to {BLOCKS[-1]}"
    )
    parser.add_argument("--hide", action="append", default=[], help="another folder that no host may see")
    parser.add_argument(
        "--plain", action="store_true", help="no namespaces, even where the kernel allows them"
    )
    parser.add_argument("--parent", type=int, help="end when the process with this id, our parent, ends")
    arguments = parser.parse_args()
    if os.getuid() == 0:
        sys.exit("the sandbox cloud does not run as root: it deletes in folders that its hosts control")
    if len(os.fsencode(arguments.home.absolute())) > LONGEST_HOME:
        sys.exit(
            f"--home {arguments.home.absolute()}: at most {LONGEST_HOME} bytes, for the sockets of the hosts"
        )
    if len(os.fsencode(arguments.socket)) > LONGEST_SOCKET_PATH:
        sys.exit(f"--socket {arguments.socket}: a socket's path has at most {LONGEST_SOCKET_PATH} bytes")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    os.umask(0o077)
    kernel.become_subreaper()
    if arguments.parent:
        kernel.die_with_parent(signal.SIGTERM, arguments.parent)
    home = arguments.home.absolute()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = the_only_one(home)
    claim = own_block(home, arguments.block)
    hide = [str(home), *(str(Path(folder).absolute()) for folder in arguments.hide)]
    namespaced = not arguments.plain and namespaces_work(home, hide)
    with lock, claim.socket, open_door(arguments.socket) as door:
        asyncio.run(serve(home, door, claim, hide if namespaced else []))
        arguments.socket.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
