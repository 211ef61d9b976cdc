"""The output of a benchmark: a table for people, and a last line of JSON for programs."""

import json
import os
import statistics
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

Figures = Sequence[float]


def spread(values: Figures) -> str:
    """Return minimum / median / maximum, in the unit of the values."""
    return f"{min(values):.3f} / {statistics.median(values):.3f} / {max(values):.3f}"


def median_ratio(ours: Figures, theirs: Figures) -> float:
    """Return the median of the ratios of the pairs, so that a disturbance of a whole pair hardly counts."""
    return statistics.median(our / their for our, their in zip(ours, theirs, strict=True))


def percentile(values: Figures, share: float) -> float:
    """Return the smallest value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; the first column has names, the others have figures."""
    output = Table(title=title, title_justify="left")
    for position, name in enumerate(columns):
        output.add_column(name, justify="right" if position else "left")
    for row in rows:
        output.add_row(*row)
    Console(width=None if os.isatty(1) else 110, highlight=False).print(output)


def result(name: str, ratio: float, aim: float, *, at_most: bool, **figures: Any) -> None:
    """Print the last line. With `at_most` the aim is an upper limit of the ratio, else a lower limit."""
    met = ratio <= aim if at_most else ratio >= aim
    load = round(os.getloadavg()[0], 2)
    line = {"name": name, "ratio": round(ratio, 3), "aim": aim, "met": met, **figures, "load_average": load}
    print(json.dumps(line), flush=True)
