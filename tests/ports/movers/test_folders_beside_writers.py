"""The mover's file programs scan folders in which clients write."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parents[3] / "playbooks/programs"

CHANGES = """
import json, os, sys
from pathlib import Path
import file_tree

folder = Path(sys.argv[1])
scan, watched = file_tree.scan, file_tree.WatchedFolder(folder)


def scan_beside_a_writer(path):
    entries = scan(path)
    number = len(list((folder / "old").iterdir()))
    (folder / "old" / f"{number}.bin").write_text("written during the scan")
    return entries


file_tree.scan = scan_beside_a_writer
results = [watched.changes()]
(folder / "old" / "gone").mkdir()
(folder / "old" / "gone" / "first.bin").write_text("1")
results.append(watched.changes())
(folder / "old" / "gone" / "first.bin").unlink()
(folder / "old" / "gone").rmdir()
(folder / "old" / "gone").mkdir()
(folder / "old" / "gone" / "second.bin").write_text("2")
results.append(watched.changes())
(folder / "old" / "gone" / "third.bin").write_text("3")
results.append(watched.changes())
print(json.dumps([[sorted(changes.changed), sorted(changes.removed)] for changes in results]))
"""

COPIES = """
import json, sys, threading
from pathlib import Path
from file_client import FileClient, FolderCopy
from file_server import FileServer

live, place = Path(sys.argv[1]), Path(sys.argv[2])
config = {"address": "127.0.0.1", "port": 0, "token": "t", "folders": [[str(live), str(live) + ".fenced"]]}
with FileServer(config) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with FileClient("127.0.0.1", server.server_address[1], "t") as client:
        FolderCopy(client, 0, place).first_pass()
    server.shutdown()
print(json.dumps(sorted(path.name for path in place.iterdir())))
"""

CHECKS = """
import json, os, sys
from pathlib import Path
import check

live = Path(sys.argv[1])
real = os.access


def access(path, mode):
    Path(path).unlink()
    return real(path, mode)


os.access = access
findings, totals = check.Findings("source"), {"files": 0, "bytes": 0}
check.check_file(live / "draft.part", live, totals, findings)
print(json.dumps(findings.reported))
"""


def run(program: str, *arguments: Path) -> Any:
    """Return the output of one of these programs, which can import the mover's modules."""
    completed = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": f"{PROGRAMS / 'host'}:{PROGRAMS / 'mover'}"},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return json.loads(completed.stdout)


def test_a_file_written_during_the_first_scan_is_reported(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    first, *_ = run(CHANGES, tmp_path)
    written = {f"old/{path.name}" for path in (tmp_path / "old").glob("*.bin")}
    assert len(written) > 1
    assert set(first[0]) == {"old/", *written}


def test_a_folder_replaced_between_two_scans_is_scanned_again(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    _, made, again, later = run(CHANGES, tmp_path)
    assert "old/gone/first.bin" in made[0]
    assert again == [["old/gone/second.bin"], ["old/gone/first.bin"]]
    assert later == [["old/gone/third.bin"], []]


def test_files_with_the_longest_possible_names_are_copied(tmp_path: Path) -> None:
    live = tmp_path / "uploads"
    live.mkdir()
    name = "水" * 80 + "-报表.pdf"
    assert len(name.encode()) > 240
    (live / name).write_text("x")
    (live / ("a" * 255)).write_text("y")
    assert run(COPIES, live, tmp_path / "copy") == sorted([name, "a" * 255])


def test_a_file_deleted_during_the_preflight_is_not_reported_as_unreadable(tmp_path: Path) -> None:
    (tmp_path / "draft.part").write_text("x")
    assert run(CHECKS, tmp_path) == []


HOLDERS = """
import mmap, os, sys, time
from pathlib import Path

place, how = Path(sys.argv[1]), sys.argv[2]
if how == "writes":
    held = (place / "log.txt").open("ab")
elif how == "reads":
    held = (place / "log.txt").open("rb")
elif how == "maps":
    with (place / "log.txt").open("r+b") as file:
        held = mmap.mmap(file.fileno(), 0)
elif how == "works inside":
    os.chdir(place)
else:
    held = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
print("held", flush=True)
time.sleep(60)
"""

WRITERS = """
import json, sys
from pathlib import Path
import folder_writers

print(json.dumps(folder_writers.writers(Path(sys.argv[1]))))
"""


@pytest.mark.parametrize(
    ("how", "counts"),
    [("writes", True), ("reads", False), ("maps", True), ("works inside", True), ("folder", True)],
)
def test_a_process_that_can_still_write_to_a_fenced_folder_is_reported(
    tmp_path: Path, how: str, counts: bool
) -> None:
    live, fenced = tmp_path / "uploads", tmp_path / "uploads.fenced"
    live.mkdir()
    (live / "log.txt").write_text("first")
    argv = [sys.executable, "-c", HOLDERS, str(live), how]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            live.rename(fenced)
            writers = run(WRITERS, fenced)
            assert [f"({holder.pid})" in writer for writer in writers] == ([True] if counts else [])
        finally:
            holder.kill()
    assert run(WRITERS, fenced) == []
