"""Runs a minute: 20 workspaces with one run each, two at a time, beside the same commands by hand.

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
from benchmarks.place import leave_root

AIM = 0.7
SLOTS = 2
RESOURCES = 100
_UNWANTED = {"failed", "rejected", "stale"}


def kept_files(city: City) -> ByHand:
    """One run that is not counted: it warms the product up and leaves the files that are run by hand."""
    plan = city.generate(city.approved_request(hosts=RESOURCES))
    city.statuses.wait(plan, "submitted")
    prepared = city.settings.runs_dir / f"plan-{plan}"
    hand = ByHand.copied(city.settings, prepared, city.settings.home / "by-hand" / "files")
    city.approve(plan)
    city.apply(plan)
    city.statuses.wait(plan, "applied")
    return hand


def with_product(city: City, workspaces: int) -> float:
    """Order a run in each of so many new workspaces; seconds from the first call to the last `applied`."""
    requests = [city.approved_request(hosts=RESOURCES) for _ in range(workspaces)]
    city.wait_until_idle()
    begun = time.perf_counter()
    with ThreadPoolExecutor(1) as orders:
        ordered = orders.submit(lambda: [city.generate(request) for request in requests])
        ended = _drive(city, workspaces)
        ordered.result()
    return ended - begun


def _drive(city: City, workspaces: int) -> float:
    """Approve and order the apply of whatever is submitted until all are applied; the moment of the last."""
    applied: dict[UUID, float] = {}
    while len(applied) < workspaces:
        plan, status, moment = city.statuses.next()
        if status in _UNWANTED:
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
    """The same by hand, `SLOTS` at a time; seconds."""
    city.wait_until_idle()
    folders = [hand.source.parent / f"run-{number}" for number in range(workspaces)]
    begun = time.perf_counter()
    with ThreadPoolExecutor(SLOTS) as hands:
        list(hands.map(hand.run, folders))
    return time.perf_counter() - begun


def main() -> None:
    """Measure both sides `--rounds` times, in turns."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--workspaces", type=int, default=20)
    chosen = options.parse_args()
    leave_root()
    ours: list[float] = []
    theirs: list[float] = []
    with running_city("hundred", SLOTS) as city:
        hand = kept_files(city)
        sides: list[tuple[list[float], Callable[[], float]]] = [
            (ours, lambda: with_product(city, chosen.workspaces)),
            (theirs, lambda: by_hand(city, hand, chosen.workspaces)),
        ]
        for number in range(chosen.rounds):
            for seconds, side in sides if number % 2 == 0 else reversed(sides):
                seconds.append(side())
    _print(ours, theirs, chosen.workspaces)


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
