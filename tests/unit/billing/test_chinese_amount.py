"""Amounts in capital numerals, by the examples of the rule for vouchers, and read back for any amount."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.billing.chinese_amount import LARGEST_FEN, capital_amount
from orchestrator.core.money import parse_cny

DIGITS = {sign: number for number, sign in enumerate("零壹贰叁肆伍陆柒捌玖")}
PLACES = {"拾": 10, "佰": 100, "仟": 1000}


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("1,409.50", "壹仟肆佰零玖元伍角整"),
        ("6,007.14", "陆仟零柒元壹角肆分"),
        ("1,680.32", "壹仟陆佰捌拾元叁角贰分"),
        ("107,000.53", "壹拾万柒仟元伍角叁分"),
        ("16,409.02", "壹万陆仟肆佰零玖元零贰分"),
        ("325.04", "叁佰贰拾伍元零肆分"),
        ("108,268.20", "壹拾万捌仟贰佰陆拾捌元贰角整"),
        ("406.40", "肆佰零陆元肆角整"),
        ("0.00", "零元整"),
        ("0.05", "伍分"),
        ("0.50", "伍角整"),
        ("0.55", "伍角伍分"),
        ("10.00", "壹拾元整"),
        ("100,000,000.00", "壹亿元整"),
        ("100,500,000.00", "壹亿零伍拾万元整"),
        ("100,000,000,100.00", "壹仟亿零壹佰元整"),
        ("1,234,567,890,123.45", "壹万贰仟叁佰肆拾伍亿陆仟柒佰捌拾玖万零壹佰贰拾叁元肆角伍分"),
        ("-1.06", "负壹元零陆分"),
    ],
)
def test_an_amount_is_written_as_vouchers_want_it(amount: str, words: str) -> None:
    assert capital_amount(parse_cny(amount)) == words


def number(words: str) -> int:
    """The number that the words say."""
    for unit, worth in (("亿", 10**8), ("万", 10**4)):
        if unit in words:
            above, below = words.rsplit(unit, 1)
            return number(above) * worth + number(below)
    total, digit = 0, 0
    for sign in words:
        if sign in PLACES:
            total += digit * PLACES[sign]
            digit = 0
        else:
            digit = DIGITS[sign]
    return total + digit


@given(st.integers(-LARGEST_FEN, LARGEST_FEN) | st.integers(0, 10**6))
def test_the_words_say_the_amount(fen: int) -> None:
    words = capital_amount(fen)
    match = re.fullmatch(r"(负?)(?:(.+)元)?(?:零)?(?:(.)角)?(?:零)?(?:(.)分|整)", words)
    assert match is not None
    sign, yuan, jiao, last = match.groups()
    read = number(yuan or "") * 100 + number(jiao or "") * 10 + number(last or "")
    assert (-read if sign else read) == fen


@given(st.integers(0, LARGEST_FEN))
def test_no_two_zeros_stand_side_by_side_and_none_before_a_unit(fen: int) -> None:
    words = capital_amount(fen)
    assert "零零" not in words
    assert not re.search("零[万亿拾佰仟角分]", words)
    assert "零元" not in words or words == "零元整"


def test_a_larger_amount_is_refused() -> None:
    with pytest.raises(ValueError, match="sixteen digits"):
        capital_amount(LARGEST_FEN + 1)
