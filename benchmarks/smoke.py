"""Run every benchmark at its smallest size, to its last line. Ignore the figures."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
SMALLEST: Final[Mapping[str, Sequence[str]]] = {
    "admission": ["--rounds", "1", "--requests", "16"],
    "apply_overhead": ["--pairs", "1"],
    "log_latency": ["--runs", "1", "--lines", "4"],
    "month_close": ["--intervals", "400", "--months", "2"],
    "run_throughput": ["--rounds", "1", "--workspaces", "1"],
    "write_pause_postgresql": ["--rounds", "1", "--megabytes", "2", "--files", "20"],
}
"""Benchmark -> the options that make it as short as it can be."""

SECONDS_TO_END: Final = 600


def problem(name: str) -> str:
    """Run one benchmark; return what is wrong with how it ended, or an empty text."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *SMALLEST[name]]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS_TO_END, check=False
    )
    if ended.returncode != 0:
        return ended.stderr[-3000:]
    figure = json.loads(ended.stdout.splitlines()[-1])
    if figure["name"] != name or not figure["ratio"] > 0:
        return f"The last line is not the figure of {name}: {figure}"
    return ""


def main(names: Sequence[str]) -> int:
    """Run the named benchmarks, or all of them; 1 when one of them did not end with its figure."""
    problems = 0
    for name in names or sorted(SMALLEST):
        began = time.monotonic()
        wrong = problem(name)
        problems += bool(wrong)
        print(f"{name}: {wrong or 'ends with its figure'} ({time.monotonic() - began:.0f} s)", flush=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
