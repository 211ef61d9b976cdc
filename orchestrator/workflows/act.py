"""Acts as data: who may do an act on an object, from which status, and with which other parts never.

An act is one row in `workflows/<noun>/acts.py`; `workflows/nouns.py` lists the acts of each noun. `perform`
is the only way to carry one out. API routes, buttons, the to-do list with its count and the permission tests
are made from the same rows, so a new act costs its row and the function that it runs.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlmodel import Session

from orchestrator.core.errors import BusinessError, IllegalTransition, NotFound, NotPermitted
from orchestrator.departments.permissions import Actor, Permission, Role
from orchestrator.policies.pack import PolicyPack, Substitute

Tone = Literal["primary", "outline-secondary", "outline-danger"]


class Text(NamedTuple):
    """A text in both languages."""

    zh: str
    en: str


class Body(StrEnum):
    """Whose people may act: anybody's, only those of the object's body, or never those (domain §2.15)."""

    ANY = "any"
    OWN = "own"
    OTHER = "other"


@dataclass(frozen=True)
class Call:
    """One person's order to act: the transaction, the actor, and the values that came with it.

    `facts` holds whatever the act's `lock` read together with the object.
    """

    session: Session
    actor: Actor
    pack: PolicyPack
    cloud: str = ""
    version: int | None = None
    reason: str = ""
    digest: str = ""
    content: Any = None
    facts: Any = None


@dataclass(frozen=True)
class Condition:
    """A fact outside the object's row that an act needs: an SQL expression over the noun's table.

    `refusal` makes the error that explains why the act is not possible now; `explain` makes it with
    the details of the object. `is_duty` marks a condition about persons: the audit then keeps the refused
    attempt. Where a condition that `hides` is not met, the act is not offered; its clause depends on the
    object alone. Where an entitlement is not met, this person is not shown the act.
    """

    clause: Callable[[Actor], Any]
    refusal: Callable[[], BusinessError]
    explain: Callable[[Session, Any], BusinessError] | None = None
    is_duty: bool = False
    hides: bool = False
    is_entitlement: bool = False

    def error(self, session: Session, subject: Any) -> BusinessError:
        """Return the refusal of an act on this object."""
        return self.explain(session, subject) if self.explain else self.refusal()


@dataclass(frozen=True)
class Act:
    """One act. Read a row as: from one of `statuses`, a holder of `permission` may `name` the object.

    Columns of the object's table are named by text.

    Attributes:
        name: The last part of the address, and the name of the command.
        permission: The permission that a person needs; of several, one is enough.
        runs: The function that carries the act out; gets the call and the locked object.
        duty: The row of the pack's ``duties.yml``, or several; their substitutes apply (domain §2.15) if
            `has_substitutes`.
        body: Whose people may act.
        only: The column with the one person who may act.
        never_with: Columns with persons who may not act, unless the column `unless` is true.
        filled: Columns that must hold a value, or else the error `unmet` is raised.
        empty: Columns that must hold none, or else the error `unmet` is raised.
        not_now: The error for a status that does not allow the act.
        offered: The statuses in which a page offers the act (by default all of `statuses`).
        has_form: The act is given its values on a page of its own.
        waiting: The text of the to-do list, in the statuses `awaited` (or all of
            `statuses`). Without it the act is in no to-do list.
        is_choice: The object does not wait for this act, so it is in no to-do list.
        done: The message after the act.
        lock: Locks the object and reads facts with it, in place of the noun's `lock`.
    """

    name: str
    label: Text
    statuses: Collection[str]
    permission: Permission | tuple[Permission, ...]
    runs: Callable[[Call, Any], Any]
    duty: str | tuple[str, ...] = ""
    has_substitutes: bool = True
    body: Body = Body.ANY
    only: str = ""
    never_with: Sequence[str] = ()
    unless: str = ""
    filled: Sequence[str] = ()
    empty: Sequence[str] = ()
    not_now: type[BusinessError] = IllegalTransition
    unmet: Callable[[], BusinessError] | None = None
    conditions: Sequence[Condition] = ()
    needs_reason: bool = False
    needs_digest: bool = False
    offered: Collection[str] = ()
    has_form: bool = False
    tone: Tone = "outline-secondary"
    waiting: Text | None = None
    awaited: Collection[str] = ()
    is_choice: bool = False
    done: Text | None = None
    lock: Callable[[Session, UUID], tuple[Any, Any]] | None = None

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """Return the permissions of which one is enough."""
        return self.permission if isinstance(self.permission, tuple) else (self.permission,)

    @property
    def duties(self) -> tuple[str, ...]:
        """Return the rows of the pack's duties; none for an act that the pack does not list."""
        duties = self.duty if isinstance(self.duty, tuple) else (self.duty,)
        return tuple(duty for duty in duties if duty)


@dataclass(frozen=True)
class Noun:
    """A kind of object with its acts.

    Attributes:
        subject: Its name in the audit.
        path: Its name in addresses, e.g. ``requests``.
        one: The name of one such object in addresses, where `path` without its last letter is not that name.
        owner: The column with the organisation that an object belongs to; empty if the whole city owns it.
    """

    subject: str
    path: str
    table: Any
    lock: Callable[[Session, UUID], Any]
    same_person: Callable[[], BusinessError]
    acts: Sequence[Act] = ()
    not_theirs: Callable[[], BusinessError] = field(default=NotPermitted)
    one: str = ""
    owner: str = "organisation_code"

    @property
    def singular(self) -> str:
        """Return the name of one such object in addresses, e.g. ``request``."""
        return self.one or self.path.removesuffix("s")

    def owner_of(self, subject: Any) -> str | None:
        """Return the organisation that the object belongs to; None if the whole city owns it."""
        return getattr(subject, self.owner) if self.owner else None

    def act(self, name: str) -> Act:
        """Return the act of this name. Raises NotFound."""
        for act in self.acts:
            if act.name == name:
                return act
        raise NotFound


def may(act: Act, actor: Actor, pack: PolicyPack, organisation: str | None) -> bool:
    """Return whether the actor's roles include this act on objects of the organisation, or of the city."""
    substitute = substitutes_of(act, pack).get(organisation or "")
    if substitute is not None:
        return stands_in(act, actor, substitute)
    return any(actor.may(permission) for permission in act.permissions)


def substitutes_of(act: Act, pack: PolicyPack) -> dict[str, Substitute]:
    """Return the substitutes for this act, by the organisation that they act for (domain §2.15)."""
    if not act.has_substitutes:
        return {}
    roles = {role for duty in pack.duties.acts if duty.act in act.duties for role in duty.roles}
    return {one.organisation: one for one in pack.duties.substitutes if one.role in roles}


def stands_in(act: Act, actor: Actor, substitute: Substitute) -> bool:
    """Return whether the actor is the substitute.

    A token must include the act's permission, or everything that the substitute's own role may do: the act's
    permission is not one of that role.
    """
    if actor.organisation != substitute.by_organisation or substitute.by_role.value not in actor.roles:
        return False
    is_in_scope = actor.scopes is not None and bool(actor.scopes.intersection(act.permissions))
    return is_in_scope or actor.acts_as(Role(substitute.by_role))
