"""The rules that are judged on a request: one small function a rule, all listed in ``JUDGES``.

A function returns a :class:`Finding`: the rule holds, or it fails with a detail, or a fact is missing.
Details use numbers, signs and codes only, so they read the same in every language.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from orchestrator.core.money import format_cny
from orchestrator.core.zone_classes import ZoneClass
from orchestrator.policies.classified_marks import marked_fields
from orchestrator.policies.facts import BIG_SCREEN, CLOUD_SERVICE, Claim, LineFacts, PricePeriod, RequestFacts
from orchestrator.policies.pack import DutyRole, HardwareCategory, HardwareVerdict, PolicyPack

_NATIONAL = frozenset({"national"})
_NATIONAL_OR_PROVINCIAL = frozenset({"national", "provincial"})


@dataclass(frozen=True)
class Finding:
    """The outcome of one rule. With ``escalates`` a failed rule only asks for a further approval."""

    holds: bool
    facts: tuple[tuple[str, str], ...] = ()
    detail: str = ""
    missing: tuple[str, ...] = ()
    escalates: bool = False


Judge = Callable[[RequestFacts, PolicyPack], Finding]


def further_approvers(facts: RequestFacts, pack: PolicyPack) -> tuple[str, ...]:
    """Return the roles that R-29 and escalations of R-04 require besides the centre's approver."""
    thresholds = pack.head.thresholds
    level = facts.system.mlps_level if facts.system else None
    cost = facts.yearly_cost_fen
    is_high_level = not level or level >= thresholds.second_approver_from_level
    is_costly = cost is None or cost > thresholds.finance_approval_per_year_fen
    roles = [DutyRole.SMART_CITY_OFFICE] if is_high_level or _judge_hardware(facts, pack).escalates else []
    return tuple([*roles, DutyRole.FINANCE] if is_costly else roles)


def _missing(*names: str) -> Finding:
    return Finding(holds=False, missing=names)


def _judge_marks(facts: RequestFacts, _: PolicyPack) -> Finding:
    """R-01: the finding names the marked fields and never repeats their text."""
    marked = ", ".join(marked_fields(facts.texts))
    return Finding(holds=not marked, facts=(("fields", marked),) if marked else (), detail=marked)


def _judge_hardware(facts: RequestFacts, pack: PolicyPack) -> Finding:
    """R-04: each hardware category has its own verdict in the pack."""
    verdicts = {row.category: row for row in pack.head.hardware_categories}
    lines = [line for line in facts.lines if line.category not in {CLOUD_SERVICE, BIG_SCREEN}]
    unknown = tuple(f"lines.{line.key}.category" for line in lines if line.category not in verdicts)
    if unknown:
        return _missing(*unknown)
    judged = [(line, verdicts[line.category]) for line in lines]
    failed = [
        (line, category)
        for line, category in judged
        if category.verdict != HardwareVerdict.ALLOW and not _is_exempt(facts, category.scope, _NATIONAL)
    ]
    return Finding(
        holds=not failed,
        facts=tuple((f"lines.{line.key}.category", line.category) for line in lines),
        detail="; ".join(_with_alternatives(line, category) for line, category in failed),
        escalates=bool(failed)
        and all(category.verdict == HardwareVerdict.ESCALATE for _, category in failed),
    )


def _with_alternatives(line: LineFacts, category: HardwareCategory) -> str:
    offer = f" → {', '.join(category.instead)}" if category.instead else ""
    return f"{line.key}: {line.category}{offer}"


def _is_exempt(facts: RequestFacts, scope: str, levels: frozenset[str]) -> bool:
    """Return whether the system that the request serves has a live exemption of this scope."""
    return facts.system is not None and any(
        exemption.system == facts.system.code
        and exemption.scope == scope
        and exemption.level in levels
        and facts.day < exemption.until
        for exemption in facts.exemptions
    )


def _judge_big_screen(facts: RequestFacts, _: PolicyPack) -> Finding:
    """R-06: clause 1 accepts a national or a provincial basis for big screens, wider than for the cloud."""
    screens = [line.key for line in facts.lines if line.category == BIG_SCREEN]
    exempt = _is_exempt(facts, "big_screen", _NATIONAL_OR_PROVINCIAL)
    return Finding(holds=not screens or exempt, detail=", ".join(screens))


def _certified_level(facts: RequestFacts, pack: PolicyPack) -> int:
    """Return the level that the platform may carry on the day of the request, 0 without a certificate."""
    certificates = pack.head.platform_certificates
    valid = (row.level for row in certificates if row.valid_from <= facts.day < row.valid_to)
    return max(valid, default=0)


def _judge_certificate(facts: RequestFacts, pack: PolicyPack) -> Finding:
    """R-08: without a valid certificate nothing new enters production; a trial is allowed."""
    level = _certified_level(facts, pack)
    used = (("platform.level", str(level)), ("day", facts.day.isoformat()))
    holds = level > 0 or facts.zone_class == ZoneClass.TRIAL
    return Finding(holds=holds, facts=used, detail=facts.day.isoformat())


def _judge_level(facts: RequestFacts, pack: PolicyPack) -> Finding:
    """R-09: a system graded above the certificate of the platform is refused.

    Between two certificates the highest one counts, so that R-08 alone names the gap.
    """
    if facts.system is None or not facts.system.mlps_level:
        return _missing("system.mlps_level")
    certificates = pack.head.platform_certificates
    highest = max((certificate.level for certificate in certificates), default=0)
    carried = _certified_level(facts, pack) or highest
    level = facts.system.mlps_level
    used = (("system.mlps_level", str(level)), ("platform.level", str(carried)))
    return Finding(holds=level <= carried, facts=used, detail=f"{level} > {carried}")


def _judge_amounts(facts: RequestFacts, _: PolicyPack) -> Finding:
    """R-16: every quota and pool has the requested amount free; exactly the free amount fits."""
    if facts.quota is None or facts.pools is None:
        return _missing(*(name for name in ("quota", "pools") if getattr(facts, name) is None))
    claims = [("quota", claim) for claim in facts.quota] + [("pool", claim) for claim in facts.pools]
    over = [f"{name} {_sum_of(claim)} > {claim.limit}" for name, claim in claims if claim.exceeds]
    used = tuple((f"{name}.{claim.name}", f"{_sum_of(claim)}, limit {claim.limit}") for name, claim in claims)
    return Finding(holds=not over, facts=used, detail="; ".join(over))


def _sum_of(claim: Claim) -> str:
    return f"{claim.name}: {claim.requested} + {claim.held} + {claim.committed}"


def _judge_budget(facts: RequestFacts, _: PolicyPack) -> Finding:
    """R-17: the cost until the end of the fiscal year stays within the free amount of each budget line."""
    if facts.budget is None:
        return _missing("budget")
    amounts = [(claim, format_cny(claim.projected_fen), format_cny(claim.free_fen)) for claim in facts.budget]
    over = [
        f"{claim.line}: {cost} > {free}"
        for claim, cost, free in amounts
        if claim.projected_fen > max(claim.free_fen, 0)
    ]
    used = tuple((f"budget.{claim.line}", f"{cost} CNY, free {free} CNY") for claim, cost, free in amounts)
    return Finding(holds=not over, facts=used, detail="; ".join(over))


def _judge_officer(facts: RequestFacts, _: PolicyPack) -> Finding:
    """R-26: the department has an information officer with a current filing."""
    if facts.officer_filing is None:
        return _missing("officer_filing")
    used = (("officer_filing", facts.officer_filing),)
    detail = f"{facts.organisation}: {facts.officer_filing}"
    return Finding(holds=facts.officer_filing == "current", facts=used, detail=detail)


def _judge_classification(facts: RequestFacts, _: PolicyPack) -> Finding:
    """R-27: the department has confirmed the system as non-classified."""
    if facts.system is None or facts.system.classification is None:
        return _missing("system.classification")
    classification = facts.system.classification
    used = (("system.classification", classification),)
    is_confirmed = classification == "non_classified_confirmed"
    return Finding(is_confirmed, used, f"{facts.system.code}: {classification}")


def _judge_zombie(facts: RequestFacts, _: PolicyPack) -> Finding:
    """R-28: a system without users gets no new resources."""
    if facts.system is None or facts.system.zombie is None:
        return _missing("system.zombie")
    used = (("system.zombie", str(facts.system.zombie).lower()),)
    return Finding(not facts.system.zombie, used, facts.system.code)


def _judge_approvals(facts: RequestFacts, pack: PolicyPack) -> Finding:
    """R-29: the finding lists the roles that must approve besides the centre."""
    roles = ", ".join(further_approvers(facts, pack))
    level = facts.system.mlps_level if facts.system else None
    cost = None if facts.yearly_cost_fen is None else format_cny(facts.yearly_cost_fen)
    used = (("system.mlps_level", str(level)), ("yearly_cost", f"{cost} CNY"))
    return Finding(holds=not roles, facts=used, detail=roles)


def _judge_prices(facts: RequestFacts, _: PolicyPack) -> Finding:
    """R-30: every SKU has exactly one price on every quoted day."""
    if facts.prices is None or facts.priced_days is None:
        return _missing(*(name for name in ("prices", "priced_days") if getattr(facts, name) is None))
    skus = sorted({sku for line in facts.lines for sku in line.skus})
    wrong = [text for sku in skus for text in _wrong_days(sku, facts.prices, *facts.priced_days)]
    return Finding(holds=not wrong, facts=(("skus", ", ".join(skus)),), detail="; ".join(wrong))


def _wrong_days(sku: str, prices: Iterable[PricePeriod], first: dt.date, end: dt.date) -> list[str]:
    """Return the first day with no price or several; the count changes only where a period begins or ends."""
    periods = [price for price in prices if price.sku == sku]
    borders = {price.since for price in periods} | {price.until for price in periods if price.until}
    for day in sorted({first, *(border for border in borders if first < border < end)}):
        count = sum(price.since <= day and (price.until is None or day < price.until) for price in periods)
        if count != 1 and first < end:
            return [f"{sku} {day.isoformat()}: {count}"]
    return []


JUDGES: Mapping[str, Judge] = {
    "R-01": _judge_marks,
    "R-04": _judge_hardware,
    "R-06": _judge_big_screen,
    "R-08": _judge_certificate,
    "R-09": _judge_level,
    "R-16": _judge_amounts,
    "R-17": _judge_budget,
    "R-26": _judge_officer,
    "R-27": _judge_classification,
    "R-28": _judge_zombie,
    "R-29": _judge_approvals,
    "R-30": _judge_prices,
}
"""The function of every rule that a pack may list for requests."""
