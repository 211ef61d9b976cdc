"""Acts in SQL: on which objects a person may act now."""

from typing import Any

from sqlalchemy import ColumnElement, and_, false, literal, or_, true
from sqlmodel import Session, select

from orchestrator.departments.permissions import Actor
from orchestrator.policies.pack import PolicyPack
from orchestrator.workflows.act import Act, Body, Condition, Noun, stands_in, substitutes_of


def holds(session: Session, noun: Noun, condition: Condition, actor: Actor, subject: Any) -> bool:
    """Return whether the condition is met for this object and actor; one statement."""
    asked = select(literal(value=True)).where(noun.table.id == subject.id, condition.clause(actor))
    return session.exec(asked).first() is not None


def awaiting(noun: Noun, act: Act, actor: Actor, pack: PolicyPack) -> ColumnElement[bool]:
    """Return SQL over the noun's table for the objects on which this person may do this act now."""
    table = noun.table
    clauses = [table.status.in_(list(act.awaited or act.statuses)), _right_clause(noun, act, actor, pack)]
    clauses += [getattr(table, column).is_not(None) for column in act.filled]
    clauses += [getattr(table, column).is_(None) for column in act.empty]
    clauses += [condition.clause(actor) for condition in act.conditions]
    return and_(*clauses, *_person_clauses(table, act, actor))


def _right_clause(noun: Noun, act: Act, actor: Actor, pack: PolicyPack) -> ColumnElement[bool]:
    is_permitted = any(map(actor.may, act.permissions))
    if not noun.owner:
        return true() if is_permitted else false()
    owner = getattr(noun.table, noun.owner)
    substitutes = substitutes_of(act, pack)
    by_actor = [code for code, one in substitutes.items() if stands_in(act, actor, one)]
    ordinary = owner.not_in(list(substitutes)) if is_permitted else false()
    bodies = {
        Body.ANY: true(),
        Body.OWN: owner == actor.organisation,
        Body.OTHER: owner != actor.organisation,
    }
    sight = true() if actor.sight is None else owner == actor.sight
    return and_(or_(ordinary, owner.in_(by_actor)), bodies[act.body], sight)


def _person_clauses(table: Any, act: Act, actor: Actor) -> list[ColumnElement[bool]]:
    clauses = [getattr(table, act.only) == actor.person_id] if act.only else []
    others = and_(
        true(), *(getattr(table, column).is_distinct_from(actor.person_id) for column in act.never_with)
    )
    if act.never_with:
        clauses.append(or_(getattr(table, act.unless), others) if act.unless else others)
    return clauses
