import json

import pytest

from benchmarks import report
from benchmarks.environment import _with_database


def test_the_ratio_is_the_median_of_the_pairs_so_that_one_disturbed_pair_does_not_count() -> None:
    assert report.median_ratio([1.1, 9.0, 1.2], [1.0, 1.0, 1.0]) == pytest.approx(1.2)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.95, 95), (1.0, 100)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(share: float, expected: int) -> None:
    assert report.percentile(range(1, 101), share) == expected
    assert report.percentile(list(reversed(range(1, 101))), share) == expected


def test_the_percentile_of_few_values_is_one_of_them() -> None:
    assert report.percentile([7.0], 0.95) == 7.0
    assert report.percentile([1.0, 2.0, 3.0], 0.5) == 2.0


@pytest.mark.parametrize(
    ("ratio", "at_most", "met"),
    [(1.25, True, True), (1.26, True, False), (0.7, False, True), (0.6, False, False)],
)
def test_the_last_line_says_whether_the_aim_is_met(
    ratio: float, at_most: bool, met: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    report.result("any", ratio, 1.25 if at_most else 0.7, at_most=at_most, ours_seconds=1.0)
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["met"] is met
    assert {"name", "ratio", "aim", "ours_seconds", "load_average"} <= line.keys()


def test_a_database_of_its_own_lies_on_the_server_that_was_given() -> None:
    assert _with_database("postgresql://me@db:5432/prod?sslmode=require", "bench") == (
        "postgresql://me@db:5432/bench?sslmode=require"
    )
    assert _with_database("postgresql:///?host=/run/pg", "bench") == "postgresql:///bench?host=/run/pg"
