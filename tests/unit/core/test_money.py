"""Money is whole fen, rounded half-up once."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.money import format_cny, format_plain, parse_cny, round_half_up

AMOUNTS = st.integers(min_value=-(10**15), max_value=10**15)


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("50000.00", 5_000_000),
        ("1,016.00", 101_600),
        ("¥1,016.00", 101_600),
        ("0.09", 9),
        ("-¥0.01", -1),
        ("7", 700),
    ],
)
def test_an_amount_in_cny_is_read_as_fen(text: str, fen: int) -> None:
    assert parse_cny(text) == fen


@pytest.mark.parametrize(
    "text", ["", "1.0", "1.005", "1,01.00", "1e3", "1.00 ", "٣.00", "--1", "¥", "1_000.00", ".50"]
)
def test_what_is_not_an_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        parse_cny(text)


@given(AMOUNTS)
def test_every_amount_survives_being_written_and_read(fen: int) -> None:
    assert parse_cny(format_cny(fen)) == fen
    assert parse_cny(format_cny(fen, symbol=True)) == fen
    assert parse_cny(format_plain(fen)) == fen


def test_an_amount_is_written_with_separators_and_two_decimals() -> None:
    assert format_cny(101_600) == "1,016.00"
    assert format_cny(-101_605, symbol=True) == "-¥1,016.05"


@given(st.fractions())
def test_rounding_moves_by_at_most_half_a_fen_and_half_grows(amount: Fraction) -> None:
    moved = abs(round_half_up(amount)) - abs(amount)
    assert Fraction(-1, 2) < moved <= Fraction(1, 2)


@given(st.fractions())
def test_a_reversed_line_is_the_exact_opposite(amount: Fraction) -> None:
    assert round_half_up(-amount) == -round_half_up(amount)


# Domain §5.4: 8 vCPU, 32 GB, 500 GB SSD and 500 GB of backup; amounts of one full month.
MONTH = (33_600, 48_000, 10_000, 10_000)


@pytest.mark.parametrize(
    ("days", "days_in_month", "lines"),
    [
        (12, 30, (13_440, 19_200, 4_000, 4_000)),
        (1, 31, (1_084, 1_548, 323, 323)),
        (20, 29, (23_172, 33_103, 6_897, 6_897)),
    ],
)
def test_the_stated_lines_of_part_of_a_month_are_reproduced(
    days: int, days_in_month: int, lines: tuple[int, ...]
) -> None:
    assert tuple(round_half_up(Fraction(amount * days, days_in_month)) for amount in MONTH) == lines
