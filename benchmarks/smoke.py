"""Run every benchmark at its smallest size, to see whether it still works. The figures mean nothing."""

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
"""Options for the shortest run of each benchmark."""
SECONDS_TO_END: Final = 600


def problem(name: str) -> str:
    """Run one benchmark. Returns the reason if it fails, or an empty text."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *SMALLEST[name]]
    completed = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS_TO_END, check=False
    )
    if completed.returncode != 0:
        return completed.stderr[-3000:]
    result = json.loads(completed.stdout.splitlines()[-1])
    if result["name"] != name or not result["ratio"] > 0:
        return f"The last line is not the result of {name}: {result}"
    return ""


def main(names: Sequence[str]) -> int:
    """Run the named benchmarks, or all of them. Returns 1 if one fails."""
    failures = 0
    for name in names or sorted(SMALLEST):
        began = time.monotonic()
        reason = problem(name)
        failures += bool(reason)
        print(f"{name}: {reason or 'passed'} ({time.monotonic() - began:.0f} s)", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
