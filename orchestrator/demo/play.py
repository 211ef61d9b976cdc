"""`govcloud demo`: one request from a department's wish to hosts that exist, played on the real parts.

Read `PLAY` first: it is the whole story, one function a step. Every act goes through the HTTP API as
the person who does it in life; only loading the city, giving passwords, stopping a host behind Terraform's
back and exporting the audit's head are done on the machine itself.
"""

import json
import logging
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from sqlalchemy import Engine

from orchestrator.adapters.audit_heads import append_head
from orchestrator.adapters.sandbox_cloud import SandboxCloud
from orchestrator.client.models import DepartmentDetail, QuoteBody, SwitchDetail
from orchestrator.core import audit
from orchestrator.core.clock import CITY
from orchestrator.core.db import create_database_engine, transaction
from orchestrator.core.money import format_cny
from orchestrator.core.sealing import load_keys
from orchestrator.demo import city, month_end
from orchestrator.demo.case import APPLIER, APPROVER, REVIEWER, Case
from orchestrator.demo.city import DemoStopped
from orchestrator.demo.headroom import find_room
from orchestrator.demo.migration import SEED, LegacyRoom, MigrationCase, missing, pause_of, stay_on_target
from orchestrator.demo.sample_system import SampleClients
from orchestrator.demo.story import Story, show_drift, show_plan, show_report
from orchestrator.migrations.transfer import MigrationHost
from orchestrator.refusals import complain, explain
from orchestrator.settings import Settings
from orchestrator.supervisor import Everything

AS_OF = datetime(2019, 6, 19, 9, 0, tzinfo=CITY)
AUDITOR = "sjj.auditor"
OWN_WORDS = ("A person", "Copied", "Not switched", "Proof", "Read both", "Returning", "Switching", "The ")


@dataclass
class Stage:
    """Values that the steps hand to each other; `trial_seconds` lie between a cutover and its rollback."""

    story: Story
    settings: Settings
    engine: Engine
    trial_seconds: float
    people: city.Cast | None = None
    request_case: Case | None = None
    legacy: LegacyRoom | None = None
    clients: SampleClients | None = None
    moved: MigrationCase | None = None
    target: MigrationHost | None = None
    results: dict[str, Any] = field(default_factory=dict)

    def end_clients(self) -> None:
        """Clients of the legacy system never outlive the demo."""
        if self.clients is not None:
            self.clients.stop()

    @property
    def cast(self) -> city.Cast:
        """The people of the demo."""
        if self.people is None:
            raise DemoStopped("Nobody has a password yet.")
        return self.people

    @property
    def case(self) -> Case:
        """The request that is played."""
        if self.request_case is None:
            raise DemoStopped("No request is under way.")
        return self.request_case

    @property
    def moving(self) -> tuple[LegacyRoom, SampleClients, MigrationCase, MigrationHost]:
        """The migration that is played, with its clients."""
        if self.legacy is None or self.clients is None or self.moved is None or self.target is None:
            raise DemoStopped("No migration is under way.")
        return self.legacy, self.clients, self.moved, self.target


def play(port: int | None, stop_after: bool, trial_seconds: float) -> None:
    """Play every step, then keep the service running, or end it and print the results as one JSON line.

    Whatever fails, every started part is ended, and the reason and the place of the logs are printed.
    """
    story = Story(Console(stderr=True, highlight=False), len(PLAY) + 1)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    settings = Settings(as_of=AS_OF) if port is None else Settings(as_of=AS_OF, port=port)
    everything = Everything(settings, lambda part: story.doing(f"Starting: {part}"), any_port=port is None)
    try:
        with ExitStack() as stack:
            stage = play_in(everything, story, stack, trial_seconds)
            if not stop_after:
                invite(stage)
                everything.wait()
                story.say("Ending: running work is finished first.")
    except Exception as error:
        complain([*(explain(error) or defect(error, everything.logs)), f"Logs: {everything.logs}"])
        raise typer.Exit(1) from error
    if stop_after:
        print(json.dumps(stage.results))


def play_in(everything: Everything, story: Story, stack: ExitStack, trial_seconds: float) -> Stage:
    """Start everything for as long as the stack lives, and play every step."""
    began = time.monotonic()
    with story.progress:
        with story.step("Start everything: database, sandbox cloud, web process, worker"):
            wanted = everything.settings.port
            port = stack.enter_context(everything).settings.port
            if port != wanted:
                story.say(
                    f"Port {wanted} is taken by another program; this demo listens on {port}.", "yellow"
                )
        engine = create_database_engine(everything.database_url)
        stack.callback(engine.dispose)
        stage = Stage(story, everything.settings, engine, trial_seconds)
        stack.callback(stage.end_clients)
        for title, act in PLAY:
            with story.step(title):
                act(stage)
    stage.results["seconds"] = round(time.monotonic() - began, 1)
    return stage


def defect(error: Exception, logs: Path) -> list[str]:
    """Return the message about an error of the program itself; details go to a file."""
    path = logs / "demo.log"
    with path.open("a") as file:
        traceback.print_exception(error, file=file)
    return [f"The demo made an error: {type(error).__name__}: {error}", f"All of it is in {path}"]


def load_city(stage: Stage) -> None:
    """25 organisations of a sample city that lives on 2019-06-19."""
    stage.legacy = LegacyRoom(stage.settings)
    stage.legacy.begin()
    stage.story.say(city.load_city(stage.engine, stage.settings))


def give_passwords(stage: Stage) -> None:
    """Every account gets a password; each signs in when it is needed."""
    stage.people = city.give_passwords(stage.engine, stage.settings)
    stage.story.say(f"{len(stage.cast)} people; their passwords are in {city.passwords_path(stage.settings)}")


def ask(stage: Stage) -> None:
    """The department asks, its officer endorses, and submission holds quota, pool and money."""
    case = stage.request_case = Case(stage.cast, find_room(stage.story, stage.cast))
    draft = city.draft_of(case.department)
    quote = case.clerk.quote_lines(QuoteBody(lines=draft.lines))
    stage.story.say("2 hosts, together 8 vCPU, 32 GB memory, 500 GB SSD, 500 GB backup")
    stage.story.say(f"Quote: {format_cny(quote.monthly_fen)} CNY a month by {quote.catalogue}", "bold")
    case.draft(draft)
    stage.story.say(f"{case.department.clerk} wrote {case.request.number}: {case.request.title}")
    case.endorse()
    stage.story.say(f"{case.department.officer} endorsed it")
    case.submit()
    warned = [item for item in case.request.judgement if item.verdict not in {"pass", "not_applicable"}]
    stage.story.say(f"{case.department.clerk} submitted it: {len(case.request.judgement)} rules judged")
    for item in warned:
        stage.story.say(f"  {item.rule_id} {item.verdict}: {item.message_en}", "yellow")
    if case.request.hold is not None:
        stage.story.say(f"Held until {case.request.hold.expires_at:%Y-%m-%d}: quota, pool and money")


def review(stage: Stage) -> None:
    """The centre accepts the request and says yes."""
    stage.case.review()
    stage.story.say(f"{REVIEWER} accepted {stage.case.request.number} and approved it")


def plan(stage: Stage) -> None:
    """Terraform plans; the plan is shown in plain words."""
    stage.case.order_plan(lambda _line: stage.story.doing("terraform plan"))
    show_plan(stage.story, stage.case.plan, department_of(stage))


def department_of(stage: Stage) -> DepartmentDetail:
    """The department with its quota as it is now."""
    return stage.case.clerk.read_department(stage.case.department.code)


def approve(stage: Stage) -> None:
    """The approver approves exactly the digest that was shown."""
    stage.case.approve_plan()
    stage.story.say(f"{APPROVER} approved {stage.case.plan.number} by its digest")


def apply(stage: Stage) -> None:
    """A third person applies the saved plan; the hosts exist."""
    stage.case.apply_plan(stage.story.log_line)
    stage.story.say(f"{APPLIER} applied it; the request is {stage.case.request.status}")
    resources = stage.case.resources()
    rows = [(one.address, one.status, one.ip_address or "", one.trial_ends_on or "") for one in resources]
    stage.story.table("Resources", ("resource", "status", "address", "trial until"), rows)
    stage.results["resources"] = len(resources)


def baseline(stage: Stage) -> None:
    """Ansible looks at the new hosts; that is an execution plan of its own, approved and run once."""
    stage.story.doing("Waiting for the baseline plan")
    stage.case.await_baseline()
    show_plan(stage.story, stage.case.plan, department_of(stage))
    stage.case.approve_plan()
    stage.story.say(f"{APPROVER} approved it, {APPLIER} runs it")
    run = stage.case.apply_plan(lambda _line: stage.story.doing("ansible: baseline"))
    show_report(stage.story, run.outcome.report or {})


def meet_legacy(stage: Stage) -> None:
    """The legacy system serves; its clients write all the time."""
    stage.legacy = stage.legacy or LegacyRoom(stage.settings)
    stage.story.doing("Waiting until the legacy system is seeded; installing the application on the target")
    stage.target = stage.legacy.target(stage.case)
    source, _ = stage.legacy.wait()
    stage.clients = stage.legacy.clients(stage.case.request.number)
    stage.moved = MigrationCase(stage.case)
    stage.moved.register(stage.legacy.plan(stage.target.name, stage.case.department.system))
    stage.story.say(
        f"{source.name} ({source.address}) holds {SEED['megabytes']} MB and {SEED['files']} files"
    )
    stage.story.say(f"{stage.case.department.clerk} registered {stage.moved.migration.number}")


def own_words(stage: Stage) -> Callable[[str], None]:
    """Print the lines that the service wrote into the log, and the current task of Ansible."""

    def show(line: str) -> None:
        if line.startswith(OWN_WORDS):
            stage.story.log_line(line)
        elif line.startswith(("PLAY [", "TASK [")):
            stage.story.doing(line.split("[", 1)[1].split("]", maxsplit=1)[0])

    return show


def copy(stage: Stage) -> None:
    """Check both sides, approve the plan, prepare replication in both directions, copy everything."""
    _, clients, moved, _ = stage.moving
    moved.copy(own_words(stage))
    size = (moved.migration.preflight.database_bytes or 0) // 1_000_000
    stage.story.say(f"Copied {size} MB and {moved.migration.progress.files} files under writes")
    moments = [write.at for write in clients.acknowledged()]
    stage.story.say(
        f"Clients: {len(moments) / (max(moments) - min(moments)):.0f} acknowledged writes a second"
    )


def cut_over(stage: Stage) -> None:
    """Two persons approve the cutover; the system moves, and both sides are compared."""
    _, clients, moved, _ = stage.moving
    switch = moved.cut_over(own_words(stage))
    seen = pause_of(switch, clients)
    moved.keep_pause(switch, seen)
    stage.results["write_pause_ms"] = max(seen.longest_ms, stage.results.get("write_pause_ms", 0))
    show_switch(stage, switch, seen.longest_ms)


def back(stage: Stage) -> None:
    """Roll back after a trial of some seconds, with every write that the target accepted meanwhile."""
    _, clients, moved, _ = stage.moving
    stage.story.doing("Clients write to the target")
    stay_on_target(moved.migration.switches[-1], stage.trial_seconds)
    switch = moved.back(own_words(stage))
    seen = pause_of(switch, clients)
    moved.keep_pause(switch, seen)
    stage.results["rollback_pause_ms"] = seen.longest_ms
    show_switch(stage, switch, seen.longest_ms)


def show_switch(stage: Stage, switch: SwitchDetail, pause_ms: float) -> None:
    """One switch in words."""
    proof = switch.proof
    stage.story.say(f"{switch.from_address} → {switch.to_address}: clients waited {pause_ms} ms", "bold")
    stage.story.say(f"Equal: {proof.tables} tables, {proof.rows} rows, {proof.files} files")
    stage.story.say(f"Proof {switch.proof_digest}")


def finalise(stage: Stage) -> None:
    """Nothing was lost; the department accepts, the rollback path is removed, the source is stopped."""
    legacy, clients, moved, target = stage.moving
    clients.stop()
    rows, files = missing(clients, target)
    stage.results |= {"rows_lost": rows, "files_lost": files, "proof": "equal"}
    stage.story.say(f"{len(clients.acknowledged())} acknowledged writes: {rows} rows and {files} files lost")
    if rows or files:
        raise DemoStopped("Acknowledged writes were lost.")
    moved.end(own_words(stage))
    source, _ = legacy.wait()
    SandboxCloud(stage.settings.sandbox_socket).stop_instance(f"{legacy.workspace}/instance/{source.name}")
    moved.retire(AS_OF.date())
    stage.story.say(f"{source.name} is stopped; {moved.migration.number} is {moved.migration.status}")


def bill(stage: Stage) -> None:
    """The month ends; every department gets its statement, and its officer confirms it."""
    month = month_end.end_month(stage.engine, stage.cast)
    stage.story.say(f"The product's clock shows the day after {month}")
    folder = stage.settings.home / "demo" / "statements"
    for statement in month_end.close(stage.cast, month):
        month_end.confirm(stage.cast, statement)
        month_end.show(stage.story, stage.cast[REVIEWER], statement)
        month_end.save(stage.story, stage.cast[REVIEWER], statement, folder)
        if statement.organisation_code == stage.case.department.code:
            stage.results["statement_total_fen"] = statement.total_fen


def drift(stage: Stage) -> None:
    """Somebody stops a host behind Terraform's back; the check finds it and repairs nothing."""
    cloud = SandboxCloud(stage.settings.sandbox_socket)
    # The last host: the first one serves the system that was moved.
    host = [resource for resource in stage.case.resources() if resource.kind == "instance"][-1]
    if host.cloud_id is None:
        raise DemoStopped(f"{host.address} does not exist in the cloud.")
    cloud.stop_instance(host.cloud_id)
    stage.story.say(f"{host.address} was stopped in the cloud, without any plan")
    findings = stage.case.check_drift(lambda _line: stage.story.doing("terraform plan -refresh-only"))
    show_drift(stage.story, findings)
    if not any(item.address == host.address for item in findings):
        raise DemoStopped("The drift check did not find the stopped host.")
    workspace = stage.case.workspace().key
    stage.story.say("A case is open for a person; nothing is repaired silently. Either start the host again:")
    stage.story.say(f"  govcloud sandbox start {workspace}/{host.address}; govcloud drift check {workspace}")
    stage.story.say(
        "or ask for a change: its plan shows the difference and puts it back once it is approved."
    )


def verify_audit(stage: Stage) -> None:
    """A signed head goes to a file outside the database, and an auditor verifies the whole chain."""
    with transaction(stage.engine) as session:
        head = audit.head(session)
    append_head(stage.settings.heads_file, load_keys(stage.settings.keys_path), head)
    verification = stage.cast[AUDITOR].verify_audit()
    if not verification.ok:
        raise DemoStopped(f"The audit chain is broken: {verification.findings}")
    stage.story.say(
        f"The chain of {verification.events} events is whole, against {verification.heads} signed heads"
    )
    stage.results["audit"] = "ok"


def invite(stage: Stage) -> None:
    """Say where the service is and who can sign in."""
    secrets = city.passwords(stage.settings)
    stage.story.console.print()
    where = f"Played in {stage.results['seconds']} s. The service runs at {stage.settings.url}"
    stage.story.say(where, "bold green")
    rows = [(name, secrets[name], what) for name, what in city.ROLES.items()]
    stage.story.table("Demo accounts", ("user name", "password", "who"), rows)
    stage.story.say(f"Commands on this machine find it with GOVCLOUD_HOME={stage.settings.home}")
    stage.story.say("What was played stays for the next start. Ctrl-C ends the service.")


PLAY: tuple[tuple[str, Callable[[Stage], None]], ...] = (
    ("Load the sample city", load_city),
    ("Give people passwords", give_passwords),
    ("A department asks: quote, draft, endorsement, submission", ask),
    ("The centre reviews the request", review),
    ("Terraform plans, and the plan is shown in plain words", plan),
    ("The approver approves exactly that plan", approve),
    ("A third person applies it", apply),
    ("Ansible looks at the new hosts", baseline),
    ("A legacy system serves under writes; its migration is registered", meet_legacy),
    ("Both sides are checked, replication is prepared in both directions, everything is copied", copy),
    ("Two persons approve the cutover, and the system moves", cut_over),
    ("Rolled back after a trial, with every write", back),
    ("And over again", cut_over),
    ("Accepted, finalised, the legacy system stopped", finalise),
    ("Drift: a host is stopped behind Terraform's back", drift),
    ("The month is over: closed, verified, confirmed by the department", bill),
    ("The audit chain is exported and verified", verify_audit),
)
