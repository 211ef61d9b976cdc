"""Carry out an act, or say which acts a person could carry out on an object."""

from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from orchestrator.core.errors import (
    BadInput,
    BusinessError,
    IllegalTransition,
    NotFound,
    NotPermitted,
)
from orchestrator.core.events import Event
from orchestrator.core.rows import require_version
from orchestrator.departments.permissions import Actor
from orchestrator.runs.errors import OwnOrganisation, StaleApproval
from orchestrator.workflows.act import Act, Body, Call, Noun, Tone, may
from orchestrator.workflows.act_queries import holds

_ORDER: Final[dict[Tone, int]] = {"primary": 0, "outline-secondary": 1, "outline-danger": 2}


def perform(noun: Noun, act: Act, call: Call, key: UUID) -> Any:
    """Lock the object, check right, version, persons and status in this order, then run the act.

    Raises:
        NotFound: the object does not exist for this actor.
        NotPermitted: the actor lacks the right, or takes another part in this matter (domain §2.15).
        VersionConflict: the object is no longer at `call.version`.
        IllegalTransition: the status does not allow the act.
        BadInput: the reason is missing.
    """
    subject, facts = act.lock(call.session, key) if act.lock else (noun.lock(call.session, key), None)
    ready = replace(call, facts=facts, reason=call.reason.strip())
    for check in (_right, _version, _persons, _state, _values):
        check(noun, act, ready, subject)
    return act.runs(ready, subject)


def _right(noun: Noun, act: Act, call: Call, subject: Any) -> None:
    organisation = noun.owner_of(subject)
    if organisation is not None and not call.actor.sees(organisation):
        raise NotFound
    if not may(act, call.actor, call.pack, organisation):
        wanted = " or ".join(act.permissions)
        raise NotPermitted(f"This act needs the permission {wanted}.", permission=wanted)
    if act.body is Body.OWN and call.actor.organisation != organisation:
        raise noun.not_theirs()
    if act.body is Body.OTHER and call.actor.organisation == organisation:
        raise OwnOrganisation
    if act.only and getattr(subject, act.only) != call.actor.person_id:
        raise noun.not_theirs()


def _version(_noun: Noun, _act: Act, call: Call, subject: Any) -> None:
    require_version(subject, call.version)


def _persons(noun: Noun, act: Act, call: Call, subject: Any) -> None:
    if _takes_part(act, call.actor, subject):
        raise noun.same_person().noted(_attempt(noun, act, call, subject))


def _attempt(noun: Noun, act: Act, call: Call, subject: Any) -> Event:
    """Return the audit event of an act that the separation of duties refused."""
    return Event(
        f"{noun.subject}:same_person_refused",
        (noun.subject, subject.id),
        call.actor.audit_name,
        noun.owner_of(subject),
        {"act": act.name},
    )


def _takes_part(act: Act, actor: Actor, subject: Any) -> bool:
    if act.unless and getattr(subject, act.unless):
        return False
    return actor.person_id in {getattr(subject, column) for column in act.never_with}


def _state(noun: Noun, act: Act, call: Call, subject: Any) -> None:
    if subject.status not in act.statuses:
        raise act.not_now(
            f"{act.label.en}: not possible while this is {subject.status}.", current=subject.status
        )
    if not _columns_fit(act, subject):
        raise act.unmet() if act.unmet else IllegalTransition(f"{act.label.en}: not possible now.")
    for condition in act.conditions:
        if not holds(call.session, noun, condition, call.actor, subject):
            error = condition.error(call.session, subject)
            raise error.noted(_attempt(noun, act, call, subject)) if condition.is_duty else error


def _columns_fit(act: Act, subject: Any) -> bool:
    is_filled = all(getattr(subject, column) is not None for column in act.filled)
    return is_filled and all(getattr(subject, column) is None for column in act.empty)


def _values(_noun: Noun, act: Act, call: Call, subject: Any) -> None:
    if act.needs_reason and not call.reason:
        raise BadInput("A reason is needed.", field="reason", detail_zh="请填写意见")
    shown = getattr(subject, "tuple_digest", call.digest)
    if act.needs_digest and call.digest != shown:
        raise StaleApproval(current=shown, shown=call.digest)


@dataclass(frozen=True)
class Offer:
    """An act that a page shows: ready, or with the error that would refuse this person."""

    act: Act
    blocked: BusinessError | None = None


def offers(noun: Noun, call: Call, subject: Any) -> list[Offer]:
    """Return the acts that this person could do now, the decisive ones first.

    An act of another role, status or person is left out. One that only the separation of duties or a
    condition forbids is offered with the refusal.
    """
    fitting = [
        act
        for act in noun.acts
        if _is_theirs(noun, act, call, subject)
        and _is_next(noun, act, call, subject)
        and _is_entitled(noun, act, call, subject)
    ]
    fitting.sort(key=lambda act: _ORDER[act.tone])
    return [Offer(act, _blocked(noun, act, call, subject)) for act in fitting]


def next_acts(noun: Noun, call: Call, subject: Any) -> list[Act]:
    """Return the acts that the object waits for, regardless of who may do them."""
    return [act for act in noun.acts if act.waiting is not None and _is_next(noun, act, call, subject)]


def _is_next(noun: Noun, act: Act, call: Call, subject: Any) -> bool:
    if subject.status not in (act.offered or act.statuses) or not _columns_fit(act, subject):
        return False
    return all(holds(call.session, noun, one, call.actor, subject) for one in act.conditions if one.hides)


def _is_theirs(noun: Noun, act: Act, call: Call, subject: Any) -> bool:
    organisation = noun.owner_of(subject)
    if not may(act, call.actor, call.pack, organisation):
        return False
    if act.only and getattr(subject, act.only) != call.actor.person_id:
        return False
    return act.body is not Body.OWN or call.actor.organisation == organisation


def _is_entitled(noun: Noun, act: Act, call: Call, subject: Any) -> bool:
    entitlements = [one for one in act.conditions if one.is_entitlement]
    return all(holds(call.session, noun, one, call.actor, subject) for one in entitlements)


def _blocked(noun: Noun, act: Act, call: Call, subject: Any) -> BusinessError | None:
    if act.body is Body.OTHER and call.actor.organisation == noun.owner_of(subject):
        return OwnOrganisation()
    if _takes_part(act, call.actor, subject):
        return noun.same_person()
    for condition in act.conditions:
        if not condition.hides and not holds(call.session, noun, condition, call.actor, subject):
            return condition.error(call.session, subject)
    return None
