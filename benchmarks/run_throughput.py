"""Runs per minute: 20 workspaces with one run each, two at a time, compared with the same commands by hand.

A run is a plan and an apply of 100 resources. The approver approves each plan as soon as it is submitted.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from benchmarks import report
from benchmarks.by_hand import ByHand
from benchmarks.city import City, running_city
from benchmarks.environment import leave_root

AIM = 0.7
SLOTS = 2
RESOURCES = 100
_FAILED = {"failed", "rejected", "stale"}


def first_run(city: City) -> ByHand:
    """Run once without counting, to warm the product up. Returns a copy of its files for the runs by hand."""
    plan = city.generate(city.approved_request(hosts=RESOURCES))
    city.statuses.wait(plan, "submitted")
    run_folder = city.settings.runs_dir / f"plan-{plan}"
    hand = ByHand.copied(city.settings, run_folder, city.settings.home / "by-hand" / "files")
    city.approve(plan)
    city.apply(plan)
    city.statuses.wait(plan, "applied")
    return hand


def with_product(city: City, workspaces: int) -> float:
    """Run once in each of `workspaces` new workspaces. Returns seconds from first call to last `applied`."""
    requests = [city.approved_request(hosts=RESOURCES) for _ in range(workspaces)]
    city.wait_until_idle()
    began = time.perf_counter()
    with ThreadPoolExecutor(1) as orders:
        ordered = orders.submit(lambda: [city.generate(request) for request in requests])
        ended = _drive(city, workspaces)
        ordered.result()
    return ended - began


def _drive(city: City, workspaces: int) -> float:
    """Approve each submitted plan and order its apply. Returns the time at which the last one was applied."""
    applied: dict[UUID, float] = {}
    while len(applied) < workspaces:
        plan, status, moment = city.statuses.next()
        if status in _FAILED:
            raise RuntimeError(f"plan {plan} is {status}")
        if status == "applied":
            applied[plan] = moment
        elif status == "submitted" and not _is_baseline(city, plan):
            city.approve(plan)
            city.apply(plan)
    return max(applied.values())


def _is_baseline(city: City, plan: UUID) -> bool:
    return city.client("xxh.approver").read_plan(plan).kind == "baseline"


def by_hand(city: City, hand: ByHand, workspaces: int) -> float:
    """Run the same files by hand, `SLOTS` at a time. Returns the seconds."""
    city.wait_until_idle()
    folders = [hand.source.parent / f"run-{number}" for number in range(workspaces)]
    began = time.perf_counter()
    with ThreadPoolExecutor(SLOTS) as pool:
        list(pool.map(hand.run, folders))
    return time.perf_counter() - began


def main() -> None:
    """Measure both sides `--rounds` times, alternating."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--workspaces", type=int, default=20)
    arguments = options.parse_args()
    leave_root()
    ours: list[float] = []
    theirs: list[float] = []
    with running_city("hundred", SLOTS) as city:
        hand = first_run(city)
        sides: list[tuple[list[float], Callable[[], float]]] = [
            (ours, lambda: with_product(city, arguments.workspaces)),
            (theirs, lambda: by_hand(city, hand, arguments.workspaces)),
        ]
        for number in range(arguments.rounds):
            for seconds, side in sides if number % 2 == 0 else reversed(sides):
                seconds.append(side())
    _print(ours, theirs, arguments.workspaces)


def _print(ours: list[float], theirs: list[float], workspaces: int) -> None:
    ratio = report.median_ratio(theirs, ours)
    per_minute = [[60 * workspaces / seconds for seconds in side] for side in (ours, theirs)]
    rows = [
        ("product", report.spread(ours), report.spread(per_minute[0])),
        ("by hand", report.spread(theirs), report.spread(per_minute[1])),
        ("ratio, median of the rounds", "", f"{ratio:.3f}"),
    ]
    title = (
        f"{workspaces} workspaces, a run of {RESOURCES} resources each, {SLOTS} at a time, {len(ours)} rounds"
    )
    report.table(title, ["", "s: min / median / max", "runs a minute"], rows)
    report.result(
        "run_throughput",
        ratio,
        AIM,
        at_most=False,
        ours_seconds=round(statistics.median(ours), 3),
        by_hand_seconds=round(statistics.median(theirs), 3),
        ours_runs_per_minute=round(statistics.median(per_minute[0]), 1),
        by_hand_runs_per_minute=round(statistics.median(per_minute[1]), 1),
        workspaces=workspaces,
        resources=RESOURCES,
        slots=SLOTS,
        rounds=len(ours),
    )


if __name__ == "__main__":
    main()
