"""Every benchmark still runs: at its smallest size, to its last line, whatever the figure."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SMALLEST = {
    "admission": ["--rounds", "1", "--requests", "16"],
    "apply_overhead": ["--pairs", "1"],
    "log_latency": ["--runs", "1", "--lines", "4"],
    "month_close": ["--intervals", "400", "--months", "2"],
    "run_throughput": ["--rounds", "1", "--workspaces", "1"],
    "write_pause_postgresql": ["--rounds", "1", "--megabytes", "2", "--files", "20"],
}


def test_no_benchmark_is_left_out() -> None:
    with_main = {
        path.stem for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text("utf-8")
    }
    assert with_main == set(SMALLEST)


@pytest.mark.parametrize("name", sorted(SMALLEST))
def test_a_benchmark_ends_with_its_figure(name: str) -> None:
    argv = [sys.executable, "-m", f"benchmarks.{name}", *SMALLEST[name]]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    figure = json.loads(done.stdout.splitlines()[-1])
    assert figure["name"] == name
    assert figure["ratio"] > 0
