"""Read and write amounts of money in whole fen.

An amount is an ``int`` of fen (0.01 CNY), never a float. The database rounds finer amounts, half-up and once
per line.
"""

import re

FEN_PER_YUAN = 100

_CNY_TEXT = re.compile(r"(?P<sign>-?)¥?(?P<yuan>\d+|\d{1,3}(?:,\d{3})+)(?:\.(?P<fen>\d{2}))?", re.ASCII)


def parse_cny(text: str) -> int:
    """Parse an amount in CNY, such as ``50000.00``, ``1,016.00`` or ``¥1,016``; return it in fen.

    Raises ValueError unless the text is an amount with no or exactly two decimals.
    """
    match = _CNY_TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text[:40]}" is not an amount in CNY such as "50000.00"')
    fen = int(match["yuan"].replace(",", "")) * FEN_PER_YUAN + int(match["fen"] or 0)
    return -fen if match["sign"] else fen


def format_cny(fen: int, *, symbol: bool = False) -> str:
    """Format fen for display: ``1,016.00``, or ``¥1,016.00`` with `symbol`; a minus sign comes first."""
    yuan, rest = divmod(abs(fen), FEN_PER_YUAN)
    return f"{'-' if fen < 0 else ''}{'¥' if symbol else ''}{yuan:,}.{rest:02d}"


def format_plain(fen: int) -> str:
    """Format fen for files and interfaces, without thousands separators: ``50000.00``."""
    return format_cny(fen).replace(",", "")
