"""The delay of the live log: from a line that Terraform prints to the client that receives it.

A provisioner of a real apply prints the time; a client follows the log of that run over server-sent events.
"""

import argparse
import re
import statistics
import time
from uuid import UUID

from benchmarks import report
from benchmarks.city import City, running_city
from benchmarks.environment import leave_root

AIM_MS = 10.0
_STAMP = re.compile(r"stamp=(\d{19})")


def follow(city: City, run: UUID, ages: list[float]) -> None:
    """Follow the log of `run` to its end, and append the age of each stamped line in milliseconds."""
    for _, lines in city.client("slj.clerk").stream_run_log(run):
        moment = time.time_ns()
        ages.extend((moment - int(stamp)) / 1e6 for stamp in _STAMP.findall(" ".join(lines)))


def one_run(city: City, lines: int) -> list[float]:
    """Return the ages of the lines of one apply."""
    plan = city.generate(city.approved_request(hosts=1, vcpu=lines))
    city.statuses.wait(plan, "submitted")
    city.approve(plan)
    ages: list[float] = []
    run = city.apply(plan)
    follow(city, run, ages)
    if len(ages) != lines:
        raise RuntimeError(f"{len(ages)} of {lines} lines were received")
    return ages


def main() -> None:
    """Follow `--runs` applies that print `--lines` lines each."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=4)
    options.add_argument("--lines", type=int, default=120)
    arguments = options.parse_args()
    leave_root()
    with running_city("speaking") as city:
        one_run(city, 10)
        ages = [age for _ in range(arguments.runs) for age in one_run(city, arguments.lines)]
    p50, p95 = report.percentile(ages, 0.5), report.percentile(ages, 0.95)
    rows = [("p50", f"{p50:.2f}"), ("p95", f"{p95:.2f}"), ("max", f"{max(ages):.2f}")]
    report.table(f"Line printed to line received, {len(ages)} lines", ["", "ms"], rows)
    report.result(
        "log_latency",
        p95 / AIM_MS,
        1.0,
        at_most=True,
        p95_ms=round(p95, 2),
        p50_ms=round(p50, 2),
        max_ms=round(max(ages), 2),
        mean_ms=round(statistics.mean(ages), 2),
        aim_ms=AIM_MS,
        lines=len(ages),
        runs=arguments.runs,
    )


if __name__ == "__main__":
    main()
