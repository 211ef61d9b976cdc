"""The overhead of the product in a run of 100 resources, compared with the same Terraform commands by hand.

Time for decisions of people is not counted: the clock runs from the call that orders the plan to the commit
of `submitted`, and from the call that orders the apply to the commit of `applied`.
"""

import argparse
import statistics
import time
from pathlib import Path

from benchmarks import report
from benchmarks.by_hand import ByHand
from benchmarks.city import City, running_city
from benchmarks.environment import leave_root

AIM = 1.25
RESOURCES = 100


class Pairs:
    """Alternating runs of the product and by hand, with the seconds of each."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.work = city.settings.home / "by-hand"
        self.hand: ByHand | None = None
        self.planning: list[float] = []
        self.applying: list[float] = []
        self.by_hand: list[float] = []

    def run(self) -> None:
        """Run one pair."""
        planning, applying = self._with_product()
        by_hand = self._by_hand()
        self.planning.append(planning)
        self.applying.append(applying)
        self.by_hand.append(by_hand)

    def _with_product(self) -> tuple[float, float]:
        request = self.city.approved_request(hosts=RESOURCES)
        self.city.wait_until_idle()
        began = time.perf_counter()
        plan = self.city.generate(request)
        planning = self.city.statuses.wait(plan, "submitted") - began
        if self.hand is None:
            run_folder: Path = self.city.settings.runs_dir / f"plan-{plan}"
            self.hand = ByHand.copied(self.city.settings, run_folder, self.work / "files")
        self.city.approve(plan)
        began = time.perf_counter()
        self.city.apply(plan)
        return planning, self.city.statuses.wait(plan, "applied") - began

    def _by_hand(self) -> float:
        if self.hand is None:
            raise RuntimeError("The product must run first, because the run by hand uses its files.")
        self.city.wait_until_idle()
        return self.hand.run(self.work / "run")

    @property
    def ours(self) -> list[float]:
        """Return the product's seconds of each pair."""
        return [planning + applying for planning, applying in zip(self.planning, self.applying, strict=True)]


def main() -> None:
    """Run `--pairs` pairs, after one that is not counted."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pairs", type=int, default=12)
    pairs = options.parse_args().pairs
    leave_root()
    with running_city("hundred") as city:
        measured = Pairs(city)
        measured.run()
        for seconds in (measured.planning, measured.applying, measured.by_hand):
            seconds.clear()
        for _ in range(pairs):
            measured.run()
    _print(measured)


def _print(measured: Pairs) -> None:
    ratio = report.median_ratio(measured.ours, measured.by_hand)
    rows = [
        ("product: ordered to submitted", report.spread(measured.planning)),
        ("product: ordered to applied", report.spread(measured.applying)),
        ("product: both", report.spread(measured.ours)),
        ("by hand: init, plan, show, apply", report.spread(measured.by_hand)),
        ("ratio, median of the pairs", f"{ratio:.3f}"),
    ]
    report.table(
        f"One run of {RESOURCES} resources, {len(measured.ours)} pairs", ["", "s: min / median / max"], rows
    )
    report.result(
        "apply_overhead",
        ratio,
        AIM,
        at_most=True,
        ours_seconds=round(statistics.median(measured.ours), 4),
        by_hand_seconds=round(statistics.median(measured.by_hand), 4),
        plan_seconds=round(statistics.median(measured.planning), 4),
        apply_seconds=round(statistics.median(measured.applying), 4),
        resources=RESOURCES,
        pairs=len(measured.ours),
    )


if __name__ == "__main__":
    main()
