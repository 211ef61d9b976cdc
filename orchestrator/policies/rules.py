"""Judge a request by the policy pack, and list the approvals that it needs.

``judge_request`` returns the verdict of every rule that applies, not only of the first rule that stops the
request. A request with a classification mark is the exception: no other rule runs, so that none of its text
is stored (rule R-01).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from string import Template

from orchestrator.policies.facts import RequestFacts
from orchestrator.policies.judgements import JUDGES, Finding, further_approvers
from orchestrator.policies.pack import DutyRole, Effect, PolicyPack, Rule


class Verdict(StrEnum):
    """The verdict of one rule. ``refuse`` is final; ``block`` lasts until its cause is removed."""

    PASS = "pass"  # noqa: S105
    WARN = "warn"
    ESCALATE = "escalate"
    BLOCK = "block"
    REFUSE = "refuse"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class RuleResult:
    """The verdict of one rule with its reasons.

    ``clause`` and ``quote_zh`` are empty for a rule that is not taken from the notice. ``facts`` holds the
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
    """Return the result of every rule that applies to the request, ordered by rule id."""
    applicable = [rule for rule in pack.request_rules if _concerns(rule, facts)]
    results = []
    for rule in applicable:
        result = _result(rule, JUDGES[rule.id](facts, pack), facts)
        if rule.id == "R-01" and result.stops:
            return (result,)
        results.append(result)
    return tuple(results)


def is_stopped(results: Iterable[RuleResult]) -> bool:
    """Return whether one of these results stops the request."""
    return any(result.stops for result in results)


def required_approvals(facts: RequestFacts, pack: PolicyPack) -> tuple[str, ...]:
    """Return the roles that must approve, each by another person, in the order in which they are asked.

    The centre always approves. The smart-city office approves from level 3 and where a rule escalates,
    finance above the threshold; an unknown level or cost counts as high (rule R-29). A role of the requesting
    organisation is replaced by its substitute. A role that occurs twice needs two persons.
    """
    roles = (DutyRole.CENTRE_APPROVER, *further_approvers(facts, pack))
    return tuple(approving_role(role, facts.organisation, pack) for role in roles)


def approving_role(role: str, organisation: str, pack: PolicyPack) -> str:
    """Return the role that acts in matters of this organisation: no organisation decides on itself."""
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
    effect = rule.effect if _is_inside(rule, facts) else Effect.WARN
    if finding.missing:
        verdict = Verdict.UNKNOWN
    elif finding.holds:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.ESCALATE if finding.escalates and effect != Effect.WARN else Verdict(effect)
    message_zh, message_en = _messages(rule, verdict, finding)
    return RuleResult(
        rule_id=rule.id,
        verdict=verdict,
        stops=verdict in {Verdict.BLOCK, Verdict.REFUSE}
        or (verdict is Verdict.UNKNOWN and effect in {Effect.BLOCK, Effect.REFUSE}),
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
