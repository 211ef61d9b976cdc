"""Idempotency keys: a repeated call with the same key has one effect and one answer (invariant 41)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Field, Session, SQLModel

from orchestrator.core.clock import now
from orchestrator.core.db import document, instant
from orchestrator.core.errors import BadInput


class IdempotencyKey(SQLModel, table=True):
    """The stored answer to a call with an idempotency key."""

    __tablename__ = "idempotency_keys"

    person_id: UUID = Field(primary_key=True)
    key: str = Field(primary_key=True)
    call: str
    request_hash: str
    answer: dict[str, Any] = document(dict)
    created_at: datetime = instant()


class KeyReused(BadInput):
    """This Idempotency-Key was used for a different call. Send a new key."""

    zh = "该幂等键已用于另一请求，请更换后重试"


@dataclass(frozen=True)
class Answer:
    """The answer to a call, and whether it is the stored answer of an earlier call."""

    body: dict[str, Any]
    replayed: bool


@dataclass(frozen=True)
class KeyedCall:
    """A call as its caller names it; one without an idempotency key is never a repetition."""

    person_id: UUID
    key: str | None
    name: str
    payload: bytes


def once(session: Session, call: KeyedCall, act: Callable[[], dict[str, Any]]) -> Answer:
    """Run `act` and store its answer; if this person used the key before, return the stored answer instead.

    Concurrent calls with one key wait for each other on the key's row, so exactly one of them runs `act`.

    Raises:
        KeyReused: The key was used with another call or another body.
    """
    if call.key is None:
        return Answer(act(), replayed=False)
    digest = hashlib.sha256(call.payload).hexdigest()
    row = insert(IdempotencyKey).values(
        person_id=call.person_id,
        key=call.key,
        call=call.name,
        request_hash=digest,
        answer={},
        created_at=now(session),
    )
    claimed = session.execute(row.on_conflict_do_nothing().returning(text("1"))).first()
    stored = session.get_one(IdempotencyKey, (call.person_id, call.key))
    if claimed is None:
        if (stored.call, stored.request_hash) != (call.name, digest):
            raise KeyReused(field="Idempotency-Key")
        return Answer(stored.answer, replayed=True)
    stored.answer = act()
    session.add(stored)
    return Answer(stored.answer, replayed=False)
