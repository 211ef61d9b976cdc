"""Findings about a transfer: each code has a problem and a fix in both languages. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from orchestrator.migrations import after_preparation, before_preparation
from orchestrator.migrations.kinds import Side

_SIDE_ZH: Final[Mapping[str, str]] = {Side.SOURCE: "源端", Side.TARGET: "目标端"}


@dataclass(frozen=True)
class Finding:
    """One problem and its fix; a `blocking` one stops the transfer until it is fixed."""

    code: str
    blocking: bool
    problem_en: str
    problem_zh: str
    fix_en: str
    fix_zh: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def finding(code: str, facts: Mapping[str, Any]) -> Finding:
    """Return the finding of a code; an unknown code is shown as it is, and blocks."""
    blocking, *texts = _TEXTS.get(code, _UNKNOWN)
    values = _Facts({**facts, "code": code, "side_zh": _SIDE_ZH.get(str(facts.get("side")), "")})
    problem_en, problem_zh, fix_en, fix_zh = (str(text).format_map(values) for text in texts)
    return Finding(code, bool(blocking), problem_en, problem_zh, fix_en, fix_zh, dict(facts))


def findings(reports: Iterable[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """Return the findings that programs on the hosts reported as {code, facts}."""
    return tuple(finding(report["code"], report["facts"]) for report in reports)


class _Facts(dict[str, Any]):
    """Facts for a text; one that is missing shows as a dash."""

    def __missing__(self, _name: str) -> str:
        return "-"


_UNKNOWN: Final = (True, "{code}", "{code}", "Read the run's log.", "请查看执行日志。")
_TEXTS: Final = {**before_preparation.TEXTS, **after_preparation.TEXTS}
