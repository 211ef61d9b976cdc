"""The to-do list of a person: every object on which this person may act now, made from the acts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, func, literal, or_, select, union_all
from sqlmodel import Session

from orchestrator.departments.permissions import Actor
from orchestrator.policies.pack import PolicyPack
from orchestrator.workflows.act import Act, Noun
from orchestrator.workflows.act_queries import awaiting


@dataclass(frozen=True)
class Item:
    """One object that waits for this person: its noun, the act that it waits for, and since when."""

    noun: Noun
    act: Act
    key: UUID
    since: datetime


@dataclass(frozen=True)
class Queue:
    """The person who asks for the list, the rules that they are under, and the nouns to look through."""

    actor: Actor
    pack: PolicyPack
    nouns: Sequence[Noun]


def count(session: Session, queue: Queue) -> int:
    """Return how many objects wait for this person; one statement."""
    rows = _rows(queue)
    if not rows:
        return 0
    return int(session.execute(select(func.count()).select_from(union_all(*rows).subquery())).scalar_one())


def page(session: Session, queue: Queue, *, limit: int = 20, offset: int = 0) -> list[Item]:
    """Return the objects that wait for this person, the longest waiting first; one statement."""
    rows = _rows(queue)
    if not rows:
        return []
    all_rows = union_all(*rows).subquery()
    ordered = select(all_rows).order_by(all_rows.c.since, all_rows.c.key).limit(limit).offset(offset)
    by_path = {noun.path: noun for noun in queue.nouns}
    return [
        Item(by_path[row.noun], by_path[row.noun].act(row.act), row.key, row.since)
        for row in session.execute(ordered)
    ]


def _rows(queue: Queue) -> list[Select[Any]]:
    listed = (_rows_of(noun, queue.actor, queue.pack) for noun in queue.nouns)
    return [rows for rows in listed if rows is not None]


def _rows_of(noun: Noun, actor: Actor, pack: PolicyPack) -> Select[Any] | None:
    """Return each object of the noun once, with the first of its acts that waits for this person."""
    table: Any = noun.table
    listed = [act for act in noun.acts if act.waiting is not None and not act.is_choice]
    clauses = [(awaiting(noun, act, actor, pack), act.name) for act in listed]
    if not clauses:
        return None
    first = case(*((clause, literal(name)) for clause, name in clauses))
    return select(
        literal(noun.path).label("noun"),
        first.label("act"),
        table.id.label("key"),
        table.status_at.label("since"),
    ).where(or_(*(clause for clause, _ in clauses)))
