"""What the policy pack says about a request, and which approvals it needs.

``judge_request`` lists the verdict of every rule that applies, not only of the first that stops. A
request whose text carries a mark of classification is the exception: then nothing else is looked at,
so that nothing of it can be kept (rule R-01).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from string import Template

from orchestrator.policies.facts import RequestFacts
from orchestrator.policies.judgements import JUDGES, Finding, further_approvers
from orchestrator.policies.pack import PolicyPack, Rule


class Verdict(StrEnum):
    """What a rule says; ``refuse`` is final, ``block`` stops until something changes."""

    PASS = "pass"  # noqa: S105
    WARN = "warn"
    ESCALATE = "escalate"
    BLOCK = "block"
    REFUSE = "refuse"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class RuleResult:
    """The verdict of one rule, with what it rests on.

    ``clause`` and ``quote_zh`` are empty for a rule that is not taken from the notice. ``facts`` are the
    facts used, as pairs of name and text; ``missing`` names the facts that were not known.
    """

    rule_id: str
    verdict: Verdict
    stops: bool
    clause: str
    quote_zh: str
    message_zh: str
    message_en: str
    facts: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()


def judge_request(facts: RequestFacts, pack: PolicyPack) -> tuple[RuleResult, ...]:
    """Give the result of every rule of the pack that is judged on a request, ordered by rule id."""
    judged = [rule for rule in pack.request_rules if _concerns(rule, facts)]
    results = []
    for rule in judged:
        result = _result(rule, JUDGES[rule.id](facts, pack), facts)
        if rule.id == "R-01" and result.stops:
            return (result,)
        results.append(result)
    return tuple(results)


def is_stopped(results: Iterable[RuleResult]) -> bool:
    """Tell whether a request with these results cannot go on."""
    return any(result.stops for result in results)


def required_approvals(facts: RequestFacts, pack: PolicyPack) -> tuple[str, ...]:
    """Give the roles that must approve, one approval by another person each, in the order of asking.

    The centre's approver always; the smart-city office for level 3 and for anything that a rule hands
    to it; finance above the threshold; an unknown level or cost counts as high (rule R-29). A role in
    the requesting organisation is replaced by its substitute, therefore a role can occur twice: then two
    persons of it must approve.
    """
    roles = ("centre_approver", *further_approvers(facts, pack))
    return tuple(approving_role(role, facts.organisation, pack) for role in roles)


def approving_role(role: str, organisation: str, pack: PolicyPack) -> str:
    """Give the role that acts on a matter of this organisation, so that no body decides on itself."""
    substitute = pack.substitute(organisation, role)
    return role if substitute is None else substitute.by_role


def _concerns(rule: Rule, facts: RequestFacts) -> bool:
    applies = rule.applies_to
    if applies.request_kinds and facts.kind not in applies.request_kinds:
        return False
    return _is_inside(rule, facts) or applies.outside == "warn"


def _is_inside(rule: Rule, facts: RequestFacts) -> bool:
    kinds = rule.applies_to.organisation_kinds
    return not kinds or facts.organisation_kind in kinds


def _result(rule: Rule, finding: Finding, facts: RequestFacts) -> RuleResult:
    effect = rule.effect if _is_inside(rule, facts) else "warn"
    if finding.missing:
        verdict = Verdict.UNKNOWN
    elif finding.holds:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.ESCALATE if finding.escalates and effect != "warn" else Verdict(effect)
    message_zh, message_en = _messages(rule, verdict, finding)
    return RuleResult(
        rule_id=rule.id,
        verdict=verdict,
        stops=verdict in {Verdict.BLOCK, Verdict.REFUSE}
        or (verdict is Verdict.UNKNOWN and effect in {"block", "refuse"}),
        clause=rule.clause or "",
        quote_zh=rule.quote_zh or "",
        message_zh=message_zh,
        message_en=message_en,
        facts=finding.facts,
        missing=finding.missing,
    )


def _messages(rule: Rule, verdict: Verdict, finding: Finding) -> tuple[str, str]:
    if verdict is Verdict.PASS:
        return rule.title_zh, rule.title_en
    if verdict is Verdict.UNKNOWN:
        missing = ", ".join(finding.missing)
        return (
            f"{rule.title_zh}：无法判断，缺少 {missing}",
            f"{rule.title_en}: cannot be decided without {missing}",
        )
    detail = {"detail": finding.detail}
    return Template(rule.message_zh).substitute(detail), Template(rule.message_en).substitute(detail)
