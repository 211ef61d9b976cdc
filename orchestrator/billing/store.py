"""Writes of billing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import Range, insert
from sqlmodel import Session, col, delete, select

from orchestrator.billing.intervals import Event, EventKind, Interval, Origin, SkuUse, fold
from orchestrator.billing.models import MeteredResource, UsageEvent, UsageInterval
from orchestrator.billing.rating import Spec
from orchestrator.core import audit, events
from orchestrator.core.clock import now

_METERING = 7_305_201_907


@dataclass(frozen=True)
class Happening:
    """The content of a new event; see `UsageEvent`."""

    kind: EventKind
    day: date
    state: str | None
    skus: Sequence[SkuUse] | None
    origin: Origin
    actor: str
    reason: str | None = None


def hold_off_closes(session: Session) -> None:
    """Keep months from being closed until this transaction ends; closes and events exclude each other."""
    session.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": _METERING})


def hold_off_events(session: Session) -> None:
    """Keep events from being recorded until this transaction ends; all earlier ones are visible."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _METERING})


def meter(session: Session, resource: MeteredResource) -> None:
    """Store once the facts about a resource that statements show."""
    row = insert(MeteredResource).values(**resource.model_dump())
    session.execute(row.on_conflict_do_nothing())


def record_event(session: Session, resource: MeteredResource, event: Happening) -> bool:
    """Write an event and rebuild the intervals; return False if its run already recorded it.

    The caller has locked the resource and called `hold_off_closes`.
    """
    row = insert(UsageEvent).values(
        resource_id=resource.resource_id,
        kind=event.kind,
        day=event.day,
        at=now(session),
        billing_state=event.state,
        skus=None if event.skus is None else [_document(use) for use in event.skus],
        run_id=event.origin.run_id,
        state_serial=event.origin.state_serial,
        actor=event.actor,
        reason=event.reason,
    )
    seq = session.execute(row.on_conflict_do_nothing().returning(col(UsageEvent.seq))).scalar()
    if seq is None:
        return False
    _rebuild(session, resource)
    audit.record(
        session,
        events.Event(
            f"usage:{event.kind}",
            ("resource", resource.resource_id),
            actor=event.actor,
            organisation=resource.organisation_code,
            data={"event": seq, "day": event.day.isoformat(), "run": str(event.origin.run_id)},
        ),
    )
    return True


def _document(use: SkuUse) -> dict[str, Any]:
    spec = {name: str(value) for name, value in vars(use.spec).items()} if use.spec else None
    return {"sku": use.sku, "quantity": str(use.quantity)} | ({"spec": spec} if spec else {})


def _use(document: Mapping[str, Any]) -> SkuUse:
    spec = document.get("spec")
    size = Spec(spec["arch"], Decimal(spec["vcpu"]), Decimal(spec["memory_gb"])) if spec else None
    return SkuUse(document["sku"], Decimal(document["quantity"]), size)


def events_of(session: Session, resource_id: UUID) -> list[Event]:
    """Return every event of a resource as `fold` takes it."""
    rows = session.exec(select(UsageEvent).where(UsageEvent.resource_id == resource_id))
    return [_event(row) for row in rows]


def _event(row: UsageEvent) -> Event:
    skus = None if row.skus is None else [_use(item) for item in row.skus]
    is_charge = row.kind == EventKind.CHARGED
    return Event(
        seq=row.seq or 0,
        day=row.day,
        at=row.at,
        state=row.billing_state,
        skus=None if is_charge else skus,
        origin=Origin(row.run_id, row.state_serial),
        once=skus or () if is_charge else (),
    )


def _rebuild(session: Session, resource: MeteredResource) -> None:
    """Store the intervals that follow from the events; unchanged ones keep their ids."""
    missing = {_key(interval): interval for interval in fold(events_of(session, resource.resource_id))}
    stored = session.exec(
        select(UsageInterval).where(UsageInterval.resource_id == resource.resource_id).with_for_update()
    )
    outdated = [row.id for row in stored if missing.pop(_stored_key(row), None) is None]
    session.exec(delete(UsageInterval).where(col(UsageInterval.id).in_(outdated)))
    session.add_all(_row(resource, interval) for interval in missing.values())
    session.flush()


def _key(interval: Interval) -> tuple[Any, ...]:
    use = interval.use
    spec = (use.spec.arch, use.spec.vcpu, use.spec.memory_gb) if use.spec else ("", None, None)
    days = (interval.starts, interval.ends)
    return (use.sku, use.quantity, *spec, interval.state, *days, interval.event_seq)


def _stored_key(row: UsageInterval) -> tuple[Any, ...]:
    spec = (row.spec_arch, row.spec_vcpu, row.spec_memory_gb)
    return (
        row.sku_code,
        row.quantity,
        *spec,
        row.billing_state,
        row.days.lower,
        row.days.upper,
        row.event_seq,
    )


def _row(resource: MeteredResource, interval: Interval) -> UsageInterval:
    spec = interval.use.spec
    return UsageInterval(
        resource_id=resource.resource_id,
        organisation_code=resource.organisation_code,
        sku_code=interval.use.sku,
        quantity=interval.use.quantity,
        spec_arch=spec.arch if spec else "",
        spec_vcpu=spec.vcpu if spec else None,
        spec_memory_gb=spec.memory_gb if spec else None,
        billing_state=interval.state,
        days=Range(interval.starts, interval.ends, bounds="[)"),
        event_seq=interval.event_seq,
        run_id=interval.origin.run_id,
        state_serial=interval.origin.state_serial,
    )
