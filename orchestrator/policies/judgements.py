"""How each rule that is judged on a request is decided: one small function a rule, all in one table.

A function gives a :class:`Finding`: the rule holds, or it does not and why, or a fact is missing. Details
are written in signs and codes that read the same in every language.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from orchestrator.core.money import format_cny
from orchestrator.policies.classified_marks import marked_fields
from orchestrator.policies.facts import BIG_SCREEN, CLOUD_SERVICE, Claim, LineFacts, PricePeriod, RequestFacts
from orchestrator.policies.pack import HardwareCategory, PolicyPack

_NATIONAL = frozenset({"national"})
_NATIONAL_OR_PROVINCIAL = frozenset({"national", "provincial"})


@dataclass(frozen=True)
class Finding:
    """What one rule found. ``escalates`` weakens a rule that does not hold to a further approval."""

    holds: bool
    facts: tuple[tuple[str, str], ...] = ()
    detail: str = ""
    missing: tuple[str, ...] = ()
    escalates: bool = False


Judge = Callable[[RequestFacts, PolicyPack], Finding]


def further_approvers(facts: RequestFacts, pack: PolicyPack) -> tuple[str, ...]:
    """Give the roles that rule R-29 and the verdicts of rule R-04 ask for besides the centre's approver."""
    thresholds = pack.head.thresholds
    level = facts.system.mlps_level if facts.system else None
    cost = facts.yearly_cost_fen
    is_high = not level or level >= thresholds.second_approver_from_level
    is_dear = cost is None or cost > thresholds.finance_approval_per_year_fen
    roles = ["smart_city_office"] if is_high or _judge_hardware(facts, pack).escalates else []
    return tuple([*roles, "finance"] if is_dear else roles)


def _missing(*names: str) -> Finding:
    return Finding(holds=False, missing=names)


def _judge_marks(facts: RequestFacts, _: PolicyPack) -> Finding:
    """R-01: only the names of fields are ever given, never what stands in them."""
    marked = ", ".join(marked_fields(facts.texts))
    return Finding(holds=not marked, facts=(("fields", marked),) if marked else (), detail=marked)


def _judge_hardware(facts: RequestFacts, pack: PolicyPack) -> Finding:
    """R-04: the category of a line decides, with one explicit verdict for each category."""
    verdicts = {one.category: one for one in pack.head.hardware_categories}
    lines = [line for line in facts.lines if line.category not in {CLOUD_SERVICE, BIG_SCREEN}]
    unknown = tuple(f"lines.{line.key}.category" for line in lines if line.category not in verdicts)
    if unknown:
        return _missing(*unknown)
    hit = [(line, verdicts[line.category]) for line in lines if verdicts[line.category].verdict != "allow"]
    hit = [(line, one) for line, one in hit if not _is_exempt(facts, one.scope, _NATIONAL)]
    return Finding(
        holds=not hit,
        facts=tuple((f"lines.{line.key}.category", line.category) for line in lines),
        detail="; ".join(_instead(line, one) for line, one in hit),
        escalates=bool(hit) and all(one.verdict == "escalate" for _, one in hit),
    )


def _instead(line: LineFacts, category: HardwareCategory) -> str:
    offer = f" → {', '.join(category.instead)}" if category.instead else ""
    return f"{line.key}: {line.category}{offer}"


def _is_exempt(facts: RequestFacts, scope: str, levels: frozenset[str]) -> bool:
    """Tell whether the one system that the request serves has a live exemption of this scope."""
    return facts.system is not None and any(
        one.system == facts.system.code
        and one.scope == scope
        and one.level in levels
        and facts.day < one.until
        for one in facts.exemptions
    )


def _judge_big_screen(facts: RequestFacts, _: PolicyPack) -> Finding:
    """R-06: clause 1 accepts a national or a provincial basis here, wider than for the cloud."""
    screens = [line.key for line in facts.lines if line.category == BIG_SCREEN]
    exempt = _is_exempt(facts, "big_screen", _NATIONAL_OR_PROVINCIAL)
    return Finding(holds=not screens or exempt, detail=", ".join(screens))


def _certified_level(facts: RequestFacts, pack: PolicyPack) -> int:
    """Give the level that the platform may carry on the day of the request, 0 without a valid certificate."""
    certificates = pack.head.platform_certificates
    return max((one.level for one in certificates if one.valid_from <= facts.day < one.valid_to), default=0)


def _judge_certificate(facts: RequestFacts, pack: PolicyPack) -> Finding:
    """R-08: without a valid certificate nothing new enters production; a trial may."""
    level = _certified_level(facts, pack)
    used = (("platform.level", str(level)), ("day", facts.day.isoformat()))
    holds = level > 0 or facts.zone_class == "trial"
    return Finding(holds=holds, facts=used, detail=facts.day.isoformat())


def _judge_level(facts: RequestFacts, pack: PolicyPack) -> Finding:
    """R-09: level 4 is refused, because no certificate of the platform reaches it."""
    if facts.system is None or not facts.system.mlps_level:
        return _missing("system.mlps_level")
    certificates = pack.head.platform_certificates
    highest = max((one.level for one in certificates), default=0)
    carried = _certified_level(facts, pack) or highest
    level = facts.system.mlps_level
    used = (("system.mlps_level", str(level)), ("platform.level", str(carried)))
    return Finding(holds=level <= carried, facts=used, detail=f"{level} > {carried}")


def _judge_amounts(facts: RequestFacts, _: PolicyPack) -> Finding:
    """R-16: exactly what is free fits."""
    if facts.quota is None or facts.pools is None:
        return _missing(*(name for name in ("quota", "pools") if getattr(facts, name) is None))
    claims = [("quota", claim) for claim in facts.quota] + [("pool", claim) for claim in facts.pools]
    over = [f"{name} {_sum_of(claim)} > {claim.limit}" for name, claim in claims if claim.exceeds]
    used = tuple((f"{name}.{claim.name}", f"{_sum_of(claim)}, limit {claim.limit}") for name, claim in claims)
    return Finding(holds=not over, facts=used, detail="; ".join(over))


def _sum_of(claim: Claim) -> str:
    return f"{claim.name}: {claim.requested} + {claim.held} + {claim.committed}"


def _judge_budget(facts: RequestFacts, _: PolicyPack) -> Finding:
    """R-17: the cost until the end of the fiscal year stays within what each line has free."""
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
    """R-26: one officer is filed and current."""
    if facts.officer_filing is None:
        return _missing("officer_filing")
    used = (("officer_filing", facts.officer_filing),)
    detail = f"{facts.organisation}: {facts.officer_filing}"
    return Finding(holds=facts.officer_filing == "current", facts=used, detail=detail)


def _judge_classification(facts: RequestFacts, _: PolicyPack) -> Finding:
    """R-27: only what the unit has confirmed as non-classified goes on."""
    if facts.system is None or facts.system.classification is None:
        return _missing("system.classification")
    found = facts.system.classification
    used = (("system.classification", found),)
    return Finding(found == "non_classified_confirmed", used, f"{facts.system.code}: {found}")


def _judge_zombie(facts: RequestFacts, _: PolicyPack) -> Finding:
    """R-28: a system that nobody uses gets nothing new."""
    if facts.system is None or facts.system.zombie is None:
        return _missing("system.zombie")
    used = (("system.zombie", str(facts.system.zombie).lower()),)
    return Finding(not facts.system.zombie, used, facts.system.code)


def _judge_approvals(facts: RequestFacts, pack: PolicyPack) -> Finding:
    """R-29: who else must approve."""
    roles = ", ".join(further_approvers(facts, pack))
    level = facts.system.mlps_level if facts.system else None
    cost = None if facts.yearly_cost_fen is None else format_cny(facts.yearly_cost_fen)
    used = (("system.mlps_level", str(level)), ("yearly_cost", f"{cost} CNY"))
    return Finding(holds=not roles, facts=used, detail=roles)


def _judge_prices(facts: RequestFacts, _: PolicyPack) -> Finding:
    """R-30: every SKU has one price on every day that is quoted."""
    if facts.prices is None or facts.priced_days is None:
        return _missing(*(name for name in ("prices", "priced_days") if getattr(facts, name) is None))
    skus = sorted({sku for line in facts.lines for sku in line.skus})
    wrong = [text for sku in skus for text in _wrong_days(sku, facts.prices, *facts.priced_days)]
    return Finding(holds=not wrong, facts=(("skus", ", ".join(skus)),), detail="; ".join(wrong))


def _wrong_days(sku: str, prices: Iterable[PricePeriod], first: dt.date, end: dt.date) -> list[str]:
    """Give the first day on which the SKU has no price or several; the count can change at borders only."""
    periods = [one for one in prices if one.sku == sku]
    borders = {one.since for one in periods} | {one.until for one in periods if one.until}
    for day in sorted({first, *(border for border in borders if first < border < end)}):
        count = sum(one.since <= day and (one.until is None or day < one.until) for one in periods)
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
"""The function of every rule that a pack may have judged on a request."""
