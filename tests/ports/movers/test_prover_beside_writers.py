"""The prover reads folders while clients create and delete files."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).parents[3] / "playbooks/programs"
WRITER = """
import sys
from pathlib import Path
folder = Path(sys.argv[1])
number = 0
while True:
    number += 1
    draft = folder / f"{number % 50}.part"
    draft.write_bytes(b"x")
    draft.rename(folder / f"{number % 50}.bin")
    (folder / f"{(number - 7) % 50}.bin").unlink(missing_ok=True)
"""
READER = """
import importlib, json, sys
order = json.load(sys.stdin)
program = importlib.import_module(order.pop("program"))
print(json.dumps([program.main(order, {}) for _ in range(order.pop("times"))]))
"""


def read(host: Path, program: str, times: int, **order: Any) -> list[dict[str, Any]]:
    answer = subprocess.run(
        [sys.executable, "-c", READER],
        input=json.dumps({"program": program, "times": times, **order}),
        env={
            "HOST_ROOT": str(host),
            "PYTHONPATH": f"{PROGRAMS / 'host'}:{PROGRAMS / 'prover'}",
            **os.environ,
        },
        check=True,
        capture_output=True,
        text=True,
    )
    answers: list[dict[str, Any]] = json.loads(answer.stdout)
    return answers


def test_files_that_are_written_or_deleted_meanwhile_are_excluded(tmp_path: Path) -> None:
    busy, calm = tmp_path / "uploads" / "busy", tmp_path / "uploads" / "calm"
    busy.mkdir(parents=True)
    calm.mkdir()
    for number in range(20):
        (calm / f"{number}.bin").write_text(str(number))
    time.sleep(0.05)
    folder = {"path": "/uploads", "fenced_path": "/fenced", "since": time.time_ns(), "deletions": []}
    time.sleep(0.05)
    with subprocess.Popen([sys.executable, "-c", WRITER, str(busy)]) as writer:
        try:
            late = read(tmp_path, "late", 300, folders=[folder])
            own = {"database": None, "folders": [folder]}
            reports = read(tmp_path, "prove", 300, own=own, late=[{"/uploads": []}, {"/uploads": []}])
        finally:
            writer.kill()
    assert any(answer["late"]["/uploads"] for answer in late)
    parts = [report["folders"]["/uploads"]["parts"] for report in reports]
    assert all(part == parts[0] for part in parts)
    assert list(parts[0]) == ["calm"]
    assert parts[0]["calm"]["files"] == 20
