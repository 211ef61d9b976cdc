"""A fault before or beside a cutover is reported with its fix, costs no write, leaves one side serving."""

import shutil
from collections.abc import Iterator

import pytest

from orchestrator.adapters.movers.ansible_movers import AnsibleMovers
from orchestrator.migrations.findings import Finding
from orchestrator.migrations.kinds import Side
from orchestrator.migrations.movers import MoverFailed, Progress
from orchestrator.migrations.serving import judge
from orchestrator.migrations.transfer import DatabasePart, FolderPart, Transfer
from tests.ports.movers.faults import pids_of, stopped
from tests.ports.movers.legacy import (
    UPLOADS,
    World,
    expect_all_stored,
    expect_one_side,
    reset,
    wait_until_ready,
)
from tests.ports.sandbox.daemon import wait_until

REFUSES_COPIES = """
CREATE TABLE picky (n int PRIMARY KEY, name text);
INSERT INTO picky VALUES (1, '城北');
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no station is named %', NEW.name; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON picky FOR EACH ROW EXECUTE FUNCTION refuse();
ALTER TABLE picky ENABLE ALWAYS TRIGGER refuse;
"""
FAILED_COPIES = "SELECT coalesce(sum(sync_error_count), 0) FROM pg_stat_subscription_stats"


@pytest.fixture
def transfer(world: World) -> Iterator[Transfer]:
    made = world.transfer("copy")
    yield made
    reset(world, made)


def codes(progress: Progress) -> set[str]:
    return {each.code for each in progress.trouble}


def wait_for_trouble(movers: AnsibleMovers, code: str) -> Progress:
    found: list[Progress] = []

    def troubled() -> bool:
        found.append(movers.progress())
        return code in codes(found[-1])

    wait_until(troubled, f"trouble: {code}", 60)
    return found[-1]


def test_a_preflight_names_every_problem_at_once_and_changes_nothing(world: World) -> None:
    links = world.root(world.legacy) / UPLOADS / "link"
    closed = world.root(world.target) / UPLOADS
    with world.admin(world.legacy) as source, world.admin(world.target, "postgres") as target:
        source.execute("CREATE TABLE bare (n int); CREATE UNLOGGED TABLE gone (n int PRIMARY KEY)")
        source.execute("CREATE TABLE deferred (n int PRIMARY KEY DEFERRABLE)")
        source.execute("SELECT lo_create(0); CREATE ROLE stranger LOGIN; GRANT INSERT ON bare TO stranger")
        target.execute("ALTER ROLE app LOGIN")
        links.symlink_to("/etc/hostname")
        closed.mkdir(parents=True)
        try:
            transfer = world.transfer("before")
            preflight = world.movers(transfer, "check").preflight()
            again = world.movers(transfer, "check").preflight()
        finally:
            links.unlink()
            shutil.rmtree(closed)
            target.execute("ALTER ROLE app NOLOGIN")
            source.execute("DROP TABLE bare, deferred, gone; DROP ROLE stranger")
            source.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
    found = {each.code for each in preflight.findings}
    expected = {"no_replica_identity", "unlogged_table", "large_objects", "other_writer", "target_is_open"}
    expected |= {"replica_identity_deferrable", "strange_file", "folder_exists", "other_session"}
    assert found == expected
    assert [each.code for each in again.findings] == [each.code for each in preflight.findings]
    assert not preflight.passed
    assert all(each.fix_en and each.fix_zh for each in preflight.findings)
    assert (preflight.files, preflight.database_bytes > 10**7) == (200, True)
    assert world.movers(transfer, "check").preflight().findings == ()
    expect_one_side(world, world.legacy)


def test_a_table_without_replica_identity_is_refused_before_anything_is_published(
    world: World, transfer: Transfer
) -> None:
    with world.admin(world.legacy) as source:
        source.execute("CREATE TABLE bare (n int); INSERT INTO bare VALUES (1); GRANT ALL ON bare TO app")
        try:
            with pytest.raises(MoverFailed) as failed:
                world.movers(transfer, "prepare").prepare()
            source.execute("UPDATE bare SET n = 2")
        finally:
            source.execute("DROP TABLE bare")
    assert [each.code for each in failed.value.findings] == ["no_replica_identity"]
    expect_one_side(world, world.legacy)


def test_a_column_added_during_the_copy_is_reported_and_heals_when_it_is_added_on_the_target(
    world: World, transfer: Transfer
) -> None:
    with world.clients(pause=0.05) as clients:
        world.movers(transfer, "prepare").prepare()
        movers = world.movers(transfer, "cutover")
        wait_until_ready(movers)
        with world.admin(world.legacy) as source:
            source.execute("ALTER TABLE report ADD COLUMN extra text DEFAULT 'x'")
        try:
            clients.wait_for(10)
            progress = wait_for_trouble(movers, "schema_differs")
            assert not progress.ready
            assert any("extra" in each.problem_en for each in progress.trouble)
            assert movers.cut_over().outcome == "refused"
            expect_one_side(world, world.legacy)
            with world.admin(world.target) as target:
                target.execute("ALTER TABLE report ADD COLUMN extra text DEFAULT 'x'")
            wait_until_ready(movers)
        finally:
            clients.stop()
            with world.admin(world.legacy) as source:
                source.execute("ALTER TABLE report DROP COLUMN extra")
        expect_all_stored(world, clients.acknowledged(), world.legacy)


def test_a_failing_copy_is_reported_with_the_servers_words_and_goes_on_once_fixed(
    world: World, transfer: Transfer
) -> None:
    with world.admin(world.legacy) as source:
        source.execute(REFUSES_COPIES)
        try:
            world.movers(transfer, "prepare").prepare()
            movers = world.movers(transfer, "cutover")
            with world.admin(world.target) as target:
                wait_until(lambda: target.execute(FAILED_COPIES).fetchone() != (0,), "a copy fails", 60)
                progress = movers.progress()
                assert movers.cut_over().outcome == "refused"
                target.execute("ALTER TABLE picky DISABLE TRIGGER refuse")
            wait_until_ready(movers)
        finally:
            source.execute("DROP TABLE picky; DROP FUNCTION refuse")
    (found,) = progress.trouble
    assert (found.code, found.facts["table"], progress.ready) == ("copy_fails", "public.picky", False)
    assert found.facts["last"] == "no station is named 城北"
    assert all("no station is named 城北" in text for text in (found.problem_en, found.problem_zh))


def test_an_early_row_on_the_target_stops_the_copy_and_the_cutover_and_never_reaches_the_source(
    world: World, transfer: Transfer
) -> None:
    world.movers(transfer, "prepare").prepare()
    movers = world.movers(transfer, "cutover")
    wait_until_ready(movers)
    person = "INSERT INTO person (id, name, since) VALUES (9001, %s, now())"
    with world.admin(world.target) as target:
        target.execute(person, ["early"])
        target.execute(
            "INSERT INTO station (id, name, river, warning_mm) OVERRIDING SYSTEM VALUE"
            " VALUES (9001, 'early', 'r', 1)"
        )
    with world.admin(world.legacy) as source:
        source.execute(person, ["late"])
    wait_for_trouble(movers, "apply_fails")
    assert movers.cut_over().outcome == "refused"
    expect_one_side(world, world.legacy)
    with world.admin(world.target) as target:
        target.execute("DELETE FROM person WHERE id = 9001")
    wait_until_ready(movers)
    with world.clients(pause=0.05) as clients:
        result = movers.cut_over()
        assert result.outcome == "switched"
        proof = movers.prove(Side.TARGET)
        assert [each.name for each in proof.mismatches] == ["public.station"]
        clients.wait_for(20)
        assert movers.roll_back().outcome == "switched"
        clients.wait_for(20)
        clients.stop()
        expect_one_side(world, world.legacy)
        expect_all_stored(world, clients.acknowledged(), world.legacy)
    with world.admin(world.legacy) as source:
        assert source.execute("SELECT count(*) FROM station WHERE name = 'early'").fetchone() == (0,)
        source.execute("DELETE FROM person WHERE id = 9001")


def test_a_role_that_was_let_write_after_the_preflight_stops_the_cutover_by_name_until_its_rights_are_taken(
    world: World, transfer: Transfer
) -> None:
    world.movers(transfer, "prepare").prepare()
    movers = world.movers(transfer, "cutover")
    wait_until_ready(movers)
    with world.admin(world.legacy) as source:
        source.execute("CREATE ROLE stranger LOGIN PASSWORD 'let me in'; GRANT INSERT ON report TO stranger")
        try:
            progress = movers.progress()
            switch = movers.cut_over()
        finally:
            source.execute("DROP OWNED BY stranger; DROP ROLE stranger")
    assert (codes(progress), progress.ready) == ({"other_writer"}, False)
    assert (switch.outcome, switch.reason.code if switch.reason else None) == ("refused", "other_writer")
    for found in (*progress.trouble, *([switch.reason] if switch.reason else [])):
        assert "stranger" in found.problem_en
        assert "stranger" in found.problem_zh
        assert found.fix_en
        assert found.fix_zh
    expect_one_side(world, world.legacy)
    assert movers.cut_over().outcome == "switched"
    assert movers.prove(Side.TARGET).equal
    with world.admin(world.target) as target:
        target.execute("CREATE ROLE stranger LOGIN PASSWORD 'let me in'; GRANT INSERT ON report TO stranger")
        try:
            movers.follow(Side.TARGET)
            back = movers.roll_back()
        finally:
            target.execute("DROP OWNED BY stranger; DROP ROLE stranger")
    assert (back.outcome, back.reason.code if back.reason else None) == ("refused", "other_writer")
    expect_one_side(world, world.target)
    assert movers.roll_back().outcome == "switched"


def test_a_byte_altered_on_the_target_is_found_and_is_not_carried_back(
    world: World, transfer: Transfer
) -> None:
    world.movers(transfer, "prepare").prepare()
    movers = world.movers(transfer, "cutover")
    wait_until_ready(movers)
    name = "SELECT name FROM person WHERE id = 7"
    with world.admin(world.legacy) as source, world.admin(world.target) as target:
        (before,) = source.execute(name).fetchone() or ("",)
        target.execute("UPDATE person SET name = overlay(name PLACING 'X' FROM 1 FOR 1) WHERE id = 7")
        file = next((world.root(world.target) / f"{UPLOADS}.fenced-copy/0000").iterdir())
        file.write_bytes(b"X" + file.read_bytes()[1:])
        with world.clients(pause=0.05) as clients:
            assert movers.cut_over().outcome == "switched"
            proof = movers.prove(Side.TARGET)
            assert {(each.kind, each.name) for each in proof.mismatches} == {("table", "public.person")}
            clients.wait_for(20)
            assert movers.roll_back().outcome == "switched"
            clients.wait_for(10)
            clients.stop()
            expect_one_side(world, world.legacy)
            expect_all_stored(world, clients.acknowledged(), world.legacy)
        assert source.execute(name).fetchone() == (before,)


def test_a_byte_altered_on_the_target_after_reverse_replication_began_is_replicated_like_any_write(
    world: World, transfer: Transfer
) -> None:
    world.movers(transfer, "prepare").prepare()
    movers = world.movers(transfer, "cutover")
    wait_until_ready(movers)
    assert movers.cut_over().outcome == "switched"
    assert movers.prove(Side.TARGET).equal
    movers.follow(Side.TARGET)
    with world.admin(world.target) as target:
        target.execute("UPDATE person SET phone = '0' WHERE id = 8")
    assert movers.roll_back().outcome == "switched"
    assert movers.prove(Side.SOURCE).equal
    with world.admin(world.legacy) as source:
        assert source.execute("SELECT phone FROM person WHERE id = 8").fetchone() == ("0",)
        source.execute("UPDATE person SET phone = '0790-8' WHERE id = 8")
    expect_one_side(world, world.legacy)


def test_without_a_rollback_path_the_target_goes_on_serving_and_a_rollback_is_refused(
    world: World, transfer: Transfer
) -> None:
    world.movers(transfer, "prepare").prepare()
    movers = world.movers(transfer, "cutover")
    wait_until_ready(movers)
    with world.clients(pause=0.05) as clients:
        assert movers.cut_over().outcome == "switched"
        assert movers.prove(Side.TARGET).equal
        with world.admin(world.target, "postgres") as target:
            target.execute("ALTER ROLE govcloud_copy_reverse NOLOGIN")
        movers.follow(Side.TARGET)
        clients.wait_for(20)
        wait_for_trouble(movers, "other_side_away")
        assert world.movers(transfer, "rollback", seconds_to_follow=1).roll_back().outcome == "refused"
        clients.wait_for(20)
        expect_one_side(world, world.target)
        with world.admin(world.target, "postgres") as target:
            target.execute("ALTER ROLE govcloud_copy_reverse LOGIN")
        assert movers.roll_back().outcome == "switched"
        clients.wait_for(20)
        clients.stop()
        expect_one_side(world, world.legacy)
        expect_all_stored(world, clients.acknowledged(), world.legacy)


def test_a_target_destroyed_in_the_middle_of_the_copy_leaves_the_source_serving_and_nothing_behind(
    world: World, transfer: Transfer
) -> None:
    with world.clients(pause=0.05) as clients:
        world.movers(transfer, "prepare").prepare()
        with stopped(pids_of(world.legacy, b"file_server.py")):
            world.destroy_target()
        movers = world.movers(transfer, "cutover")
        progress = movers.progress()
        assert "host_away" in codes(progress)
        assert movers.cut_over().outcome == "unknown"
        addresses: dict[Side, str] = {Side.SOURCE: world.legacy.address, Side.TARGET: world.target.address}
        assert judge(movers.sides(), addresses).verdict == "source"
        clients.wait_for(20)
        cleaned_up = world.movers(transfer, "clean_up").clean_up(remove_copies=True)
        assert cleaned_up.left == (world.target.name,)
        with world.admin(world.legacy) as source:
            assert source.execute("SELECT count(*) FROM pg_replication_slots").fetchone() == (0,)
            assert source.execute("SELECT count(*) FROM pg_subscription").fetchone() == (0,)
        clients.stop()
        expect_all_stored(world, clients.acknowledged(), world.legacy)
    world.make_target()
    assert world.may_write(world.legacy)


def test_text_in_every_field_reaches_the_hosts_as_text(world: World) -> None:
    awkward = "{{ lookup('pipe', 'id') }} \"'$(id)`id`\n水利"
    parts = {"database": DatabasePart(awkward, (awkward,)), "folders": (FolderPart(f"srv/{awkward}"),)}
    transfer = world.transfer("text", label=awkward, **parts)
    found = {(each.code, text) for each in findings_of(world, transfer) for text in each.facts.values()}
    assert {
        ("database_missing", awkward),
        ("writer_missing", awkward),
        ("folder_missing", f"srv/{awkward}"),
    } <= found
    assert "uid=" not in "\n".join(world.log[-40:])


def findings_of(world: World, transfer: Transfer) -> tuple[Finding, ...]:
    return world.movers(transfer, "check").preflight().findings
