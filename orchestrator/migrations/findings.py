"""What stands in the way of a move, in words: each code has problem and fix in both languages. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from orchestrator.migrations import before_arming, while_moving

_SIDE_ZH: Final = {"source": "源端", "target": "目标端"}


@dataclass(frozen=True)
class Finding:
    """One problem: what it is and what cures it. A `blocking` one forbids to go on."""

    code: str
    blocking: bool
    problem_en: str
    problem_zh: str
    fix_en: str
    fix_zh: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def finding(code: str, facts: Mapping[str, Any]) -> Finding:
    """The words for a code; an unknown code is shown as it came, and blocks."""
    blocking, *texts = _TEXTS.get(code, _UNKNOWN)
    values = _Facts({**facts, "code": code, "side_zh": _SIDE_ZH.get(str(facts.get("side")), "")})
    problem_en, problem_zh, fix_en, fix_zh = (str(text).format_map(values) for text in texts)
    return Finding(code, bool(blocking), problem_en, problem_zh, fix_en, fix_zh, dict(facts))


def findings(found: Iterable[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """The words for what programs on the hosts reported: {code, facts} each."""
    return tuple(finding(each["code"], each["facts"]) for each in found)


class _Facts(dict[str, Any]):
    """Facts for a text; one that is missing shows as a dash."""

    def __missing__(self, _name: str) -> str:
        return "-"


_UNKNOWN: Final = (True, "{code}", "{code}", "Read the run's log.", "请查看运行日志。")
_TEXTS: Final = {**before_arming.TEXTS, **while_moving.TEXTS}
