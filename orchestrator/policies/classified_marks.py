"""Find classification marks in free text (rule R-01, domain §1.3).

A mark is 秘密, 机密 or 绝密 next to a star or alone on a line, or 涉密 that does not follow 非 or 不:
"本系统为非涉密系统" has no mark. Matched text is never returned, so it cannot be stored by accident.
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
    """Return whether the text carries a classification mark.

    Compatibility forms, spaces and invisible characters inside a mark do not hide it.
    """
    plain = unicodedata.normalize("NFKC", text)
    if "密" not in plain:  # Every mark contains this character; most texts end here, cheaply.
        return False
    lines = [_joined(line) for line in plain.splitlines()]
    if any(_HEADING.fullmatch(line) for line in lines):
        return True
    whole = "".join(lines)
    return bool(_STARRED.search(whole) or _CLASSIFIED.search(whole))


def marked_fields(texts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the sorted names of the fields whose text carries a mark, never the text."""
    return tuple(sorted(name for name, text in texts.items() if has_mark(text)))


def _joined(line: str) -> str:
    return "".join(
        character
        for character in line
        if not character.isspace() and unicodedata.category(character) not in {"Cf", "Mn"}
    )
