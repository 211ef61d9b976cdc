"""The peer of a transfer is not trusted: no path that it names reaches beyond the copied folder."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parents[3] / "playbooks/programs"

# A file server that has the token, lists what the test wants, and sends the same bytes for every file.
LYING_SERVER = """
import hashlib, json, socketserver, sys, threading
from pathlib import Path
import handshake
from file_client import FileClient, FolderCopy
from file_server import HEADER

place, changed, removed = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])


class Liar(socketserver.StreamRequestHandler):
    def handle(self):
        handshake.answer(["t"], self.rfile, self.wfile)
        for line in self.rfile:
            request = json.loads(line)
            if request["op"] != "get":
                answer = {"ctime": 1, "changed": changed, "removed": removed}
                self.wfile.write(json.dumps(answer).encode() + b"\\n")
                continue
            for _ in request["paths"]:
                self.wfile.write(HEADER.pack(4, 1, 0o600) + b"evil" + hashlib.sha256(b"evil").digest())


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Liar) as server:
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with FileClient("127.0.0.1", server.server_address[1], "t") as client:
        try:
            result = FolderCopy(client, 0, place).next_pass()
        except OSError as error:
            result = f"{type(error).__name__}: {error}"
    server.shutdown()
print(json.dumps(result))
"""

ASKING_CLIENT = """
import json, sys, threading
from pathlib import Path
from file_client import FileClient
from file_server import HEADER, FileServer

live, paths = Path(sys.argv[1]), json.loads(sys.argv[2])
config = {"address": "127.0.0.1", "port": 0, "token": "t", "folders": [[str(live), str(live) + ".fenced"]]}
sizes = []
with FileServer(config) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with FileClient("127.0.0.1", server.server_address[1], "t") as client:
        client.send(op="get", folder=0, paths=paths)
        for _ in paths:
            size, _, _ = HEADER.unpack(client.read(HEADER.size))
            sizes.append(size)
            client.read(size + 32 if size >= 0 else 0)
    server.shutdown()
print(json.dumps(sizes))
"""


def run(program: str, *arguments: object) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": f"{PROGRAMS / 'host'}:{PROGRAMS / 'mover'}"},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return json.loads(done.stdout)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder with a symbolic link to another folder, which must stay unchanged."""
    (tmp_path / "outside").mkdir(mode=0o700)
    (tmp_path / "outside" / "kept").write_text("kept")
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "uploads" / "well").write_text("well")
    return tmp_path / "uploads"


def paths_outside(place: Path) -> list[str]:
    outside = str(place.parent / "outside")
    climbing = ["../outside/kept", "a/../../outside/kept", "./../outside/kept", ".."]
    return [f"{outside}/kept", "/etc/hostname", *climbing, "link/kept", "a//kept", ""]


@pytest.mark.parametrize("number", range(9))
def test_a_path_outside_of_the_folder_is_not_written(place: Path, number: int) -> None:
    path = paths_outside(place)[number]
    result = run(LYING_SERVER, place, json.dumps([[path, 4, 1, 0o600]]), "[]")
    assert str(result).startswith("UnsafePath: ")
    assert (place.parent / "outside" / "kept").read_text() == "kept"
    assert sorted(path.name for path in (place.parent / "outside").iterdir()) == ["kept"]


@pytest.mark.parametrize("path", ["../outside/", "link/", "link/new/", "../new/"])
def test_a_folder_outside_is_neither_created_nor_changed(place: Path, path: str) -> None:
    result = run(LYING_SERVER, place, json.dumps([[path, 0, 0, 0o777]]), "[]")
    assert str(result).startswith("UnsafePath: ")
    assert (place.parent / "outside").stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in place.parent.iterdir()) == ["outside", "uploads"]


@pytest.mark.parametrize("path", ["../outside/kept", "link/kept"])
def test_a_path_outside_of_the_folder_is_not_removed(place: Path, path: str) -> None:
    result = run(LYING_SERVER, place, "[]", json.dumps([path]))
    assert str(result).startswith("UnsafePath: ")
    assert (place.parent / "outside" / "kept").exists()


def test_a_draft_that_is_a_link_is_not_written_through(place: Path) -> None:
    (place / ".govcloud-draft").symlink_to(place.parent / "outside" / "kept")
    assert str(run(LYING_SERVER, place, json.dumps([["new", 4, 1, 0o600]]), "[]")).startswith("OSError")
    assert (place.parent / "outside" / "kept").read_text() == "kept"


def test_the_file_server_answers_a_path_outside_of_its_folder_like_a_missing_file(place: Path) -> None:
    (place / "disguised").symlink_to(place.parent / "outside" / "kept")
    asked = [*paths_outside(place), "disguised", "well"]
    assert run(ASKING_CLIENT, place, json.dumps(asked)) == [*[-1] * 10, 4]
