"""Amounts in the capital numerals of vouchers (大写): 1,409.50 is 壹仟肆佰零玖元伍角整.

Where the rule leaves a choice, the shorter form is written: 107,000.53 is 壹拾万柒仟元伍角叁分, without a
零 for the zeros beside 万 and 元. 整 stands after 元 and after 角, never after 分.
"""

from orchestrator.core.money import FEN_PER_YUAN

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("仟", "佰", "拾", "")
_WAN = 10_000
LARGEST_FEN = FEN_PER_YUAN * _WAN**4 - 1


def capital_amount(fen: int) -> str:
    """The amount of so many fen in capital numerals; a credit begins with 负.

    Raises ValueError beyond 9,999,999,999,999,999.99 CNY.
    """
    if abs(fen) > LARGEST_FEN:
        raise ValueError("an amount has at most sixteen digits before the point")
    yuan, rest = divmod(abs(fen), FEN_PER_YUAN)
    jiao, last = divmod(rest, 10)
    words = f"{_yuan(yuan)}元" if yuan or not rest else ""
    words += _jiao_and_fen(jiao, last, after_yuan=bool(yuan))
    return ("负" if fen < 0 else "") + words


def _jiao_and_fen(jiao: int, fen: int, *, after_yuan: bool) -> str:
    if not jiao and not fen:
        return "整"
    words = f"{_DIGITS[jiao]}角" if jiao else "零" * after_yuan
    return f"{words}{_DIGITS[fen]}分" if fen else f"{words}整"


def _yuan(yuan: int) -> str:
    above, below = divmod(yuan, _WAN * _WAN)
    words = f"{_below_yi(above)}亿" if above else ""
    if words and below and below < _WAN * _WAN // 10:
        words += _DIGITS[0]
    return words + _below_yi(below) if below else words or _DIGITS[0]


def _below_yi(value: int) -> str:
    above, below = divmod(value, _WAN)
    words = f"{_four_digits(above)}万" if above else ""
    # Places that are empty behind 万 are announced by one 零.
    if words and below and below < _WAN // 10:
        words += _DIGITS[0]
    return words + _four_digits(below)


def _four_digits(value: int) -> str:
    digits = [int(sign) for sign in f"{value:04d}"]
    words, gap = "", False
    for digit, place in zip(digits, _PLACES, strict=True):
        if not digit:
            gap = bool(words)
            continue
        words += ("零" if gap else "") + _DIGITS[digit] + place
        gap = False
    return words
