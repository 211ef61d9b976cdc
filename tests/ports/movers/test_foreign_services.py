"""A service of another cloud at the expected address gets neither a secret nor a request, and is refused."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from tests.postgres import Server

PROGRAMS = Path(__file__).parents[3] / "playbooks/programs"
SECRETS = {
    name: f"the-secret-{name}"
    for name in ("reverse_password", "reverse_files", "reverse_names", "forward_files")
}
ORDER = {"key": "k1", "files_port": 8730, "budget_ms": 1, "folders": [{"path": "srv/files"}]}
DATABASE = {"name": "app", "writers": ["app"], "port": 5432, "admin": "srv/postgresql/admin.conninfo"}
FILES = "from switch_connections import connect_files; connect_files(transfer)"
NAMES = "from name_client import NameClient; NameClient(transfer)"
SERVER_OF_ANOTHER = """
import sys, threading
from file_server import FileServer
with FileServer({"address": "127.0.0.1", "port": 0, "token": "another", "folders": []}) as server:
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
"""


def run_mover_code(code: str, root: Path, port: int = 1) -> str:
    """Run a part of the mover's code on the source of a transfer whose peer is at 127.0.0.1:port."""
    (root / "srv/govcloud/k1").mkdir(parents=True, exist_ok=True)
    (root / "srv/govcloud/k1/secrets.json").write_text(json.dumps(SECRETS))
    side = {"address": "127.0.0.1"}
    names = {"record": "a.example", "address": "127.0.0.1", "port": port}
    transfer = {
        **ORDER,
        "source": side,
        "target": side,
        "database": DATABASE,
        "names": names,
        "files_port": port,
    }
    program = (
        "import json, sys, transfer as transfers\n"
        "transfer = transfers.read({'side': 'source', 'transfer': json.loads(sys.argv[1])})\n"
        f"try:\n    {code}\nexcept Exception as error:\n    print(type(error).__name__, error)\n"
    )
    return run_program(program, root, json.dumps(transfer)).communicate(timeout=60)[0].strip()


def run_program(program: str, root: Path, *arguments: str) -> subprocess.Popen[str]:
    paths = f"{PROGRAMS / 'host'}:{PROGRAMS / 'mover'}"
    return subprocess.Popen(
        [sys.executable, "-B", "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": paths, "HOST_ROOT": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def stranger(reply: bytes) -> Iterator[tuple[int, bytearray]]:
    """Run a service that answers each line with `reply`. Yields its port and everything that it receives."""
    received = bytearray()

    def serve() -> None:
        caller = listener.accept()[0]
        with caller, caller.makefile("rb") as lines:
            for line in lines:
                received.extend(line)
                caller.sendall(reply)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], received
        thread.join(10)


@pytest.mark.parametrize(("code", "error"), [(FILES, "FileServerError"), (NAMES, "Refused")])
@pytest.mark.parametrize(
    "reply",
    [b"{}\n", b'{"nonce": "1", "proof": "2"}\n', b"[" * 4096 + b"\n", b"HTTP/1.1 200 OK\r\n", b"\xff\n"],
)
def test_a_service_without_the_token_gets_no_request_and_no_token(
    tmp_path: Path, code: str, error: str, reply: bytes
) -> None:
    with stranger(reply) as (port, received):
        answer = run_mover_code(code, tmp_path, port)
    assert answer.startswith(error), answer
    assert "does not have the token" in answer
    assert received.count(b"\n") == 1
    assert b"the-secret" not in received
    assert b"op" not in received


def test_the_file_server_of_another_transfer_is_refused(tmp_path: Path) -> None:
    with run_program(SERVER_OF_ANOTHER, tmp_path) as server:
        assert server.stdout is not None
        answer = run_mover_code(FILES, tmp_path, int(server.stdout.readline()))
        server.communicate("", timeout=20)
    assert answer.startswith("FileServerError")
    assert "this token is not known" in answer


def test_a_database_server_without_password_authentication_is_refused(tmp_path: Path, server: Server) -> None:
    trusting = server.url()
    psycopg.connect(trusting).close()
    parameters = conninfo.conninfo_to_dict(
        run_mover_code("import database; print(database.peer_conninfo(transfer))", tmp_path)
    )
    # Everything except the location and account, which are those of the other server.
    others = {name: parameters[name] for name in parameters if name not in {"host", "port", "dbname", "user"}}
    with pytest.raises(psycopg.OperationalError, match="authentication"):
        psycopg.connect(conninfo.make_conninfo(trusting, **others))
