"""Find marks of classification in free text (rule R-01, domain §1.3).

A mark is 秘密, 机密 or 绝密 beside a star or as a heading of its own line, or 涉密 that does not follow 非 or
不: "本系统为非涉密系统" carries none. The text found is never returned, so that nothing of it is stored.
"""

import re
import unicodedata
from collections.abc import Mapping

_LEVEL = "(?:秘密|机密|機密|绝密|絕密)"
_STAR = "[★☆⭐]"
_STARRED = re.compile(f"{_LEVEL}{_STAR}|{_STAR}{_LEVEL}")
_HEADING = re.compile(
    rf"[\W_]*(?:密级[\W_]*)?{_LEVEL}(?:级|件|文件|资料|材料)?(?:[\W_]*(?:\d+年?|长期))?[\W_]*"
)
_CLASSIFIED = re.compile("(?<![非不])涉密")


def has_mark(text: str) -> bool:
    """Tell whether the text carries a mark of classification.

    Compatibility forms, spaces and invisible signs inside a mark do not hide it.
    """
    plain = unicodedata.normalize("NFKC", text)
    if "密" not in plain:  # Every mark has this sign, and looking for it alone costs next to nothing.
        return False
    lines = [_joined(line) for line in plain.splitlines()]
    if any(_HEADING.fullmatch(line) for line in lines):
        return True
    whole = "".join(lines)
    return bool(_STARRED.search(whole) or _CLASSIFIED.search(whole))


def marked_fields(texts: Mapping[str, str]) -> tuple[str, ...]:
    """Give the names, sorted, of the fields whose text carries a mark; never the text."""
    return tuple(sorted(name for name, text in texts.items() if has_mark(text)))


def _joined(line: str) -> str:
    return "".join(
        sign for sign in line if not sign.isspace() and unicodedata.category(sign) not in {"Cf", "Mn"}
    )
