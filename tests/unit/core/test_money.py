"""Money is whole fen, written with two decimals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.money import format_cny, format_plain, parse_cny

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
