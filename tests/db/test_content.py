"""Loading content: at once into an empty database, later by two persons, never over a newer change."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session
from typer.testing import CliRunner, Result

from orchestrator.adapters.content_files import read_content
from orchestrator.adapters.policy_files import load_pack
from orchestrator.cli import app
from orchestrator.content.bundle import ContentBundle
from orchestrator.content.errors import (
    AuthorNeeded,
    ContentConflict,
    OwnRevision,
    StaleRevision,
)
from orchestrator.core.db import transaction
from orchestrator.core.errors import BadInput, IllegalTransition, NotFound, NotPermitted
from orchestrator.departments.permissions import Actor
from orchestrator.workflows.act import Call
from orchestrator.workflows.content import content_revisions
from orchestrator.workflows.nouns import PEOPLE, REVISIONS
from orchestrator.workflows.people.acts import DEACTIVATE
from orchestrator.workflows.perform import perform

ROOT = Path(__file__).resolve().parents[2]
SLJ = "quotas/departments/SLJ.yml"
PACK = load_pack(ROOT / "policies" / "xinyu-2019")
Named = Callable[[str], Actor]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "quotas", tmp_path / "quotas")
    return tmp_path


def edit(folder: Path, old: str, new: str, file: str = SLJ) -> None:
    content = (folder / file).read_text()
    assert old in content
    (folder / file).write_text(content.replace(old, new, 1))


def bundle(folder: Path) -> ContentBundle:
    found = read_content(folder).bundle
    assert found is not None
    return found


def load(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["load", *arguments], env={"DATABASE_URL": url})


def limit(engine: Engine) -> int:
    statement = (
        "SELECT amount FROM quota_limits WHERE organisation_code = 'SLJ' AND zone_class = 'production'"
        " AND resource_class = 'vcpu'"
    )
    with engine.connect() as connection:
        return int(connection.execute(text(statement)).scalar_one())


def change_in_the_product(engine: Engine, amount: int) -> None:
    statement = (
        "UPDATE quota_limits SET amount = :amount WHERE organisation_code = 'SLJ'"
        " AND zone_class = 'production' AND resource_class = 'vcpu'"
    )
    with engine.begin() as connection:
        connection.execute(text(statement), {"amount": amount})


HELD = (
    "UPDATE quota_limits SET held = 20"
    " WHERE organisation_code = 'SLJ' AND zone_class = 'production' AND resource_class = 'vcpu'"
)


def propose(engine: Engine, folder: Path, author: Actor) -> Any:
    with transaction(engine) as session:
        revision = content_revisions.load_content(session, bundle(folder), author)
    assert revision is not None
    return revision


def decide(session: Session, act: str, person: Actor, revision: Any, reason: str = "") -> Any:
    """Perform the act on the revision as this person."""
    return perform(REVISIONS, REVISIONS.act(act), Call(session, person, PACK, reason=reason), revision.id)


def test_an_empty_database_is_loaded_at_once_and_a_second_time_nothing_happens(
    database_url: str, folder: Path
) -> None:
    first = load(database_url, str(folder))
    assert (first.exit_code, "Loaded as revision 1." in first.output) == (0, True)
    second = load(database_url, str(folder))
    assert (second.exit_code, second.output.strip()) == (0, "The database already matches the files.")


def test_every_mistake_is_reported_with_file_and_line_and_nothing_is_loaded(
    database_url: str, folder: Path
) -> None:
    edit(folder, "vcpu: 32", "vcpu: many")
    edit(folder, '"50000.00"', "50000")
    edit(folder, "[SYS-010, SYS-028]", "[SYS-010, SYS-999]", "quotas/systems.yml")
    answer = load(database_url, str(folder))
    assert answer.exit_code == 1
    assert f"{SLJ}:6:" in answer.output
    assert f"{SLJ}:13:" in answer.output
    assert "SYS-999" in answer.output
    assert "3 problem(s); nothing was loaded." in answer.output
    assert load(database_url, str(folder), "--dry-run").exit_code == 1


def test_a_later_load_needs_an_author_with_the_right(engine: Engine, folder: Path, clerk: Actor) -> None:
    edit(folder, "vcpu: 32", "vcpu: 40")
    with pytest.raises(AuthorNeeded), transaction(engine) as session:
        content_revisions.load_content(session, bundle(folder), None)
    with pytest.raises(NotPermitted), transaction(engine) as session:
        content_revisions.load_content(session, bundle(folder), clerk)
    assert limit(engine) == 32


def test_a_later_load_waits_for_a_second_person(
    engine: Engine, folder: Path, reviewer: Actor, smart_city: Actor, administrator: Actor
) -> None:
    edit(folder, "vcpu: 32", "vcpu: 40")
    revision = propose(engine, folder, reviewer)
    assert limit(engine) == 32
    assert [item["field"] for item in revision.differences if item["key"].startswith("SLJ/production")] == [
        "amount"
    ]
    for stranger in (reviewer, administrator):
        with pytest.raises(NotPermitted), transaction(engine) as session:
            decide(session, "approve", stranger, revision)
    with transaction(engine) as session:
        decide(session, "approve", smart_city, revision)
    assert limit(engine) == 40


def test_the_author_of_a_revision_is_refused_even_with_the_right_to_approve(
    engine: Engine, folder: Path, actor: Named
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO role_grants (id, person_id, role, valid_from) SELECT gen_random_uuid(), id,"
                " 'smart_city_office', '2019-01-01' FROM persons WHERE username = 'xxh.reviewer'"
            )
        )
    both = actor("xxh.reviewer")
    edit(folder, "vcpu: 32", "vcpu: 40")
    revision = propose(engine, folder, both)
    for act in ("approve", "reject"):
        with pytest.raises(OwnRevision), transaction(engine) as session:
            decide(session, act, both, revision, "因故")
    with engine.connect() as connection:
        refused = (
            "SELECT body::jsonb #>> '{data,act}' FROM audit_events"
            " WHERE action = 'content_revision:same_person_refused'"
        )
        assert set(connection.execute(text(refused)).scalars()) == {"approve", "reject"}


def test_the_database_itself_refuses_an_author_as_approver(
    engine: Engine, folder: Path, reviewer: Actor
) -> None:
    edit(folder, "vcpu: 32", "vcpu: 40")
    revision = propose(engine, folder, reviewer)
    approval = (
        "INSERT INTO content_approvals (revision_id, authority, approver_id, at)"
        " SELECT id, 'finance', author_id, now() FROM content_revisions WHERE id = :id"
    )
    with pytest.raises(Exception, match="another person"), engine.begin() as connection:
        connection.execute(text(approval), {"id": revision.id})


def test_finance_lets_prices_and_budgets_in_and_the_smart_city_office_limits(
    engine: Engine, folder: Path, reviewer: Actor, smart_city: Actor, finance: Actor
) -> None:
    edit(folder, '"50000.00"', '"60000.00"')
    money = propose(engine, folder, reviewer)
    with pytest.raises(NotPermitted, match="nothing that you decide on"), transaction(engine) as session:
        decide(session, "approve", smart_city, money)
    edit(folder, "vcpu: 32", "vcpu: 40")
    both = propose(engine, folder, reviewer)
    with transaction(engine) as session:
        assert decide(session, "approve", finance, both).status == "proposed"
        assert content_revisions.waits_for(session, both) == ("smart_city_office",)
    assert limit(engine) == 32
    with pytest.raises(NotPermitted, match="waits for the other authority"), transaction(engine) as session:
        decide(session, "approve", finance, both)
    with transaction(engine) as session:
        assert decide(session, "approve", smart_city, both).status == "loaded"
    assert limit(engine) == 40


def test_only_an_authority_over_its_changes_rejects_a_revision(
    engine: Engine, folder: Path, reviewer: Actor, smart_city: Actor, finance: Actor
) -> None:
    edit(folder, '"50000.00"', '"60000.00"')
    money = propose(engine, folder, reviewer)
    with pytest.raises(NotPermitted, match="nothing that you decide on"), transaction(engine) as session:
        decide(session, "reject", smart_city, money, "因故")
    with pytest.raises(BadInput), transaction(engine) as session:
        decide(session, "reject", finance, money)
    with transaction(engine) as session:
        rejected = decide(session, "reject", finance, money, "预算未落实")
        assert (rejected.status, rejected.reason) == ("rejected", "预算未落实")
    for act in ("approve", "reject"):
        with pytest.raises(IllegalTransition), transaction(engine) as session:
            decide(session, act, finance, money, "因故")


def test_a_load_never_overwrites_what_was_changed_in_the_product(
    engine: Engine, city_url: str, folder: Path, reviewer: Actor
) -> None:
    change_in_the_product(engine, 36)
    edit(folder, "vcpu: 32", "vcpu: 40")
    with pytest.raises(ContentConflict) as refused, transaction(engine) as session:
        content_revisions.load_content(session, bundle(folder), reviewer)
    (conflict,) = refused.value.extra["conflicts"]
    assert (conflict["key"], conflict["before"], conflict["after"]) == ("SLJ/production/vcpu", 36, 40)
    assert "SLJ/production/vcpu" in refused.value.detail
    assert limit(engine) == 36
    assert load(city_url, str(folder), "--as", "xxh.reviewer").exit_code == 1


def test_a_load_restores_no_deactivated_person_whom_the_files_still_name(
    engine: Engine, folder: Path, reviewer: Actor, administrator: Actor, smart_city: Actor, actor: Named
) -> None:
    clerk = actor("slj.clerk")
    with transaction(engine) as session:
        perform(PEOPLE, DEACTIVATE, Call(session, administrator, PACK, reason="离岗"), clerk.person_id)
    edit(folder, "水利局经办人", "水利局新经办人")
    with pytest.raises(ContentConflict) as refused, transaction(engine) as session:
        content_revisions.load_content(session, bundle(folder), reviewer)
    assert {row["key"] for row in refused.value.extra["conflicts"]} == {"slj.clerk"}

    file = folder / SLJ
    kept = [part for part in file.read_text().split("  - username: ") if not part.startswith("slj.clerk\n")]
    file.write_text("  - username: ".join(kept))
    revision = propose(engine, folder, reviewer)
    with transaction(engine) as session:
        decide(session, "approve", smart_city, revision)
    shutil.copy(ROOT / SLJ, file)
    revision = propose(engine, folder, reviewer)
    with pytest.raises(NotFound):
        actor("slj.clerk")
    with transaction(engine) as session:
        decide(session, "approve", smart_city, revision)
    assert actor("slj.clerk").person_id == clerk.person_id


def test_a_change_in_the_product_that_the_files_take_over_is_no_conflict(
    engine: Engine, folder: Path, reviewer: Actor, smart_city: Actor
) -> None:
    change_in_the_product(engine, 36)
    edit(folder, "vcpu: 32", "vcpu: 36")
    edit(folder, "memory_gb: 128", "memory_gb: 160")
    revision = propose(engine, folder, reviewer)
    with transaction(engine) as session:
        decide(session, "approve", smart_city, revision)
    assert limit(engine) == 36


def test_a_revision_is_stale_once_the_database_has_changed_under_it(
    engine: Engine, folder: Path, reviewer: Actor, smart_city: Actor
) -> None:
    edit(folder, "vcpu: 32", "vcpu: 40")
    edit(folder, "memory_gb: 128", "memory_gb: 160")
    revision = propose(engine, folder, reviewer)
    change_in_the_product(engine, 40)
    with pytest.raises(StaleRevision), transaction(engine) as session:
        decide(session, "approve", smart_city, revision)


def test_a_limit_below_what_is_held_is_refused_whole(
    engine: Engine, folder: Path, reviewer: Actor, smart_city: Actor, finance: Actor
) -> None:
    with engine.begin() as connection:
        connection.execute(text(HELD))
    edit(folder, "vcpu: 32", "vcpu: 16")
    edit(folder, '"50000.00"', '"60000.00"')
    revision = propose(engine, folder, reviewer)
    with transaction(engine) as session:
        decide(session, "approve", finance, revision)
    with pytest.raises(Exception, match="never_oversold"), transaction(engine) as session:
        decide(session, "approve", smart_city, revision)
    with engine.connect() as connection:
        statement = "SELECT appropriated_fen FROM budget_lines WHERE organisation_code = 'SLJ'"
        assert connection.execute(text(statement)).scalar_one() == 50_000_00
