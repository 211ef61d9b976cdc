"""Hosts as an apply leaves them, without the engines; whatever comes after the trial is the product's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session, select

from orchestrator.adapters.policy_files import load_pack
from orchestrator.core import clock
from orchestrator.core.clock import CITY, now
from orchestrator.core.db import transaction
from orchestrator.departments.models import Person
from orchestrator.departments.permissions import Actor
from orchestrator.resource_requests.models import RequestLine, ResourceRequest
from orchestrator.resources.models import Resource
from orchestrator.runs.models import ExecutionPlan, Run, Workspace
from orchestrator.workflows.act import Call
from orchestrator.workflows.billing import usage
from orchestrator.workflows.billing.acts import ACTIVATE
from orchestrator.workflows.nouns import REQUESTS
from orchestrator.workflows.people import accounts
from orchestrator.workflows.perform import perform

PACK = load_pack(Path(__file__).resolve().parents[3] / "policies" / "xinyu-2019")
OFFICERS = {"SLJ": ("slj.officer", "SYS-019"), "MZJ": ("mzj.officer", "SYS-003")}


@dataclass(frozen=True)
class Host:
    """One host with its disk, in production."""

    request: UUID
    workspace: UUID
    run: UUID
    instance: UUID
    volume: UUID


def actor(session: Session, username: str) -> Actor:
    return accounts.actor_named(session, username)


def on_day(engine: Engine, day: str, hour: int = 9) -> None:
    """Make the product's clock show this day."""
    with transaction(engine) as session:
        clock.set_to(session, datetime.combine(date.fromisoformat(day), time(hour), CITY))


def in_trial(
    session: Session, key: str = "web", department: str = "SLJ", sizes: Sequence[int] = (8, 32, 500)
) -> Host:
    """A host of 8 vCPU, 32 GB and 500 GB SSD with backup that was just applied."""
    officer, system = OFFICERS[department]
    persons = {person.username: person.id for person in session.exec(select(Person))}
    vcpu, memory_gb, disk_gb = sizes
    request = ResourceRequest(
        number=f"GC-{department}-{key}",
        organisation_code=department,
        system_code=system,
        title=key,
        justification=key,
        status="in_trial",
        status_at=now(session),
        created_at=now(session),
        requester_id=persons[officer.replace("officer", "clerk")],
    )
    session.add(request)
    session.flush()
    session.add(
        RequestLine(
            request_id=request.id,
            position=1,
            key=key,
            label=key,
            purpose="app",
            pool_code="EXT-X86",
            image="debian-12",
            vcpu=vcpu,
            memory_gb=memory_gb,
            disk_gb=disk_gb,
            backup_gb=disk_gb,
        )
    )
    return _applied(session, request, key, persons["xxh.reviewer"])


def _applied(session: Session, request: ResourceRequest, key: str, author: UUID) -> Host:
    whose: dict[str, Any] = {"organisation_code": request.organisation_code}
    when: dict[str, Any] = {"status_at": now(session), "created_at": now(session)}
    workspace = Workspace(
        key=f"{request.organisation_code.lower()}-{key}",
        cloud="sandbox",
        zone="extranet",
        system_code=request.system_code,
        origin_request_id=request.id,
        created_at=now(session),
        serial=4,
        **whose,
    )
    session.add(workspace)
    session.flush()
    plan = ExecutionPlan(
        number=f"EP-{request.number}",
        kind="provision",
        request_id=request.id,
        workspace_id=workspace.id,
        status="applied",
        requester_id=request.requester_id,
        author_id=author,
        **whose,
        **when,
    )
    session.add(plan)
    session.flush()
    run = Run(kind="apply", workspace_id=workspace.id, plan_id=plan.id, status="succeeded", **whose, **when)
    rows = [
        Resource(
            workspace_id=workspace.id,
            address=address,
            kind=address.split("/", maxsplit=1)[0],
            request_id=request.id,
            plan_id=plan.id,
            system_code=request.system_code,
            status="trial",
            **whose,
            **when,
        )
        for address in (f"instance/{key}", f"volume/{key}-data")
    ]
    session.add_all([run, *rows])
    session.flush()
    return Host(request.id, workspace.id, run.id, rows[0].id, rows[1].id)


def in_production(
    engine: Engine, key: str = "web", department: str = "SLJ", sizes: Sequence[int] = (8, 32, 500)
) -> Host:
    """A host that its officer opened today."""
    with transaction(engine) as session:
        host = in_trial(session, key, department, sizes)
        officer = actor(session, OFFICERS[department][0])
        perform(REQUESTS, ACTIVATE, Call(session, officer, PACK), host.request)
    return host


def resize(engine: Engine, host: Host, vcpu: int, memory_gb: int) -> UUID:
    """An apply that changed the instance, today; its run."""
    with transaction(engine) as session:
        request = session.get_one(ResourceRequest, host.request)
        line = session.exec(select(RequestLine).where(RequestLine.request_id == host.request)).one()
        line.vcpu, line.memory_gb = vcpu, memory_gb
        session.add(line)
        run = _another_run(session, host)
        row = session.get_one(Resource, host.instance)
        row.status = "changing"
        usage.resize_resource(session, row, request, run, "worker:test")
    return run.id


def _another_run(session: Session, host: Host) -> Run:
    first = session.get_one(Run, host.run)
    plan = session.get_one(ExecutionPlan, first.plan_id)
    again = ExecutionPlan(
        **plan.model_dump(exclude={"id", "number"}), number=f"{plan.number}-{now(session).timestamp()}"
    )
    session.add(again)
    session.flush()
    run = Run(
        **first.model_dump(exclude={"id", "plan_id", "created_at"}), plan_id=again.id, created_at=now(session)
    )
    session.add(run)
    session.flush()
    return run


def release(engine: Engine, host: Host) -> None:
    """The apply of a release has begun, today."""
    with transaction(engine) as session:
        for resource in (host.instance, host.volume):
            usage.release_resource(session, session.get_one(Resource, resource), "worker:test")
