"""A live system is cut over, rolled back and cut over again while clients write."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import psycopg
import pytest

from orchestrator.adapters.movers.ansible_movers import AnsibleMovers
from orchestrator.migrations.kinds import Side
from orchestrator.migrations.movers import SwitchResult
from orchestrator.migrations.pause import write_pause
from orchestrator.migrations.serving import judge
from orchestrator.migrations.transfer import Transfer
from tests.ports.movers.legacy import (
    UPLOADS,
    Clients,
    World,
    expect_all_stored,
    expect_one_side,
    reset,
    wait_until_ready,
)

LEFTOVERS = """
SELECT 'slot ' || slot_name FROM pg_replication_slots UNION ALL
SELECT 'publication ' || pubname FROM pg_publication UNION ALL
SELECT 'subscription ' || subname FROM pg_subscription UNION ALL
SELECT 'role ' || rolname FROM pg_roles WHERE rolname LIKE 'govcloud%' UNION ALL
SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname LIKE 'govcloud%'
"""


@pytest.fixture
def transfer(world: World) -> Iterator[Transfer]:
    made = world.transfer("switch")
    yield made
    reset(world, made)


def switched(world: World, movers: AnsibleMovers, result: SwitchResult) -> None:
    """Check the switch and its proof, then start replication to the other side, as the workflow does."""
    assert result.outcome == "switched", result
    assert result.name_switched
    proof = movers.prove(result.to)
    assert proof.equal, (proof.mismatches, different_files(world))
    assert (proof.tables, proof.sequences) == (5, 5)
    assert proof.rows > 50_000
    movers.follow(result.to)


def different_files(world: World) -> set[str]:
    """Return the paths that only one side has, for the message of a failure."""
    paths = []
    for host in (world.legacy, world.target):
        folder = next((world.root(host) / UPLOADS).parent.glob("uploads*"))
        paths.append({str(path.relative_to(folder)) for path in folder.rglob("*.*")})
    return paths[0] ^ paths[1]


def expect_short_pause(clients: Clients, result: SwitchResult) -> None:
    assert result.fenced_at is not None
    assert result.opened_at is not None
    pause = write_pause(clients.acknowledged(), result.fenced_at, result.opened_at)
    assert 0 < pause.at_fence_ms <= pause.longest_ms < 3000


def test_every_acknowledged_write_is_on_the_serving_side_after_a_cutover_a_rollback_and_a_second_cutover(
    world: World, transfer: Transfer
) -> None:
    assert world.movers(transfer, "check").preflight().findings == ()
    with world.clients() as clients:
        world.movers(transfer, "prepare").prepare()
        wait_until_ready(world.movers(transfer, "prepare"))
        expect_one_side(world, world.legacy)
        movers = world.movers(transfer, "cutover")
        for result, host in (
            (movers.cut_over, world.target),
            (movers.roll_back, world.legacy),
            (movers.cut_over, world.target),
        ):
            clients.wait_for(60)
            ended = result()
            switched(world, movers, ended)
            expect_one_side(world, host)
            assert world.address_of_name() == host.address
            clients.wait_for(60)
            expect_short_pause(clients, ended)
            wait_until_ready(movers) if host is world.legacy else None
        clients.stop()
        acknowledged = clients.acknowledged()
        expect_all_stored(world, acknowledged, world.target)
        assert {write.address for write in acknowledged} == {world.legacy.address, world.target.address}
        assert (
            judge(
                movers.sides(), {Side.SOURCE: world.legacy.address, Side.TARGET: world.target.address}
            ).verdict
            == "target"
        )
        assert movers.roll_back().outcome == "switched"
        expect_all_stored(world, acknowledged, world.legacy)


def test_files_that_clients_delete_after_the_opening_do_not_make_the_sides_unequal(
    world: World, transfer: Transfer
) -> None:
    world.movers(transfer, "prepare").prepare()
    movers = world.movers(transfer, "cutover")
    wait_until_ready(movers)
    assert movers.cut_over().outcome == "switched"
    uploads = world.root(world.target) / UPLOADS
    first, second = sorted((uploads / "0000").iterdir())[:2]
    first.unlink()
    second.rename(uploads / "0001" / "moved.bin")
    proof = movers.prove(Side.TARGET)
    assert proof.equal, (proof.mismatches, different_files(world))
    assert proof.later_files == 3
    movers.follow(Side.TARGET)
    assert movers.roll_back().outcome == "switched"
    assert movers.prove(Side.SOURCE).equal


def test_names_that_are_not_utf8_are_copied_and_proved_and_reported_as_valid_text(
    world: World, transfer: Transfer
) -> None:
    """Old archives have names in GBK. A name with a backslash must not collide with such a name."""
    folder, file = "报表".encode("gbk"), "报表.dat".encode("gbk")
    make_old_names(world.root(world.legacy) / UPLOADS, folder, file)
    world.movers(transfer, "prepare").prepare()
    movers = world.movers(transfer, "cutover")
    wait_until_ready(movers)
    assert movers.cut_over().outcome == "switched"
    uploads = os.fsencode(world.root(world.target) / UPLOADS)
    Path(os.fsdecode(uploads + b"/" + file)).unlink()
    Path(os.fsdecode(uploads + b"/" + folder + b"/late-" + file)).write_text("late")
    proof = movers.prove(Side.TARGET)
    assert proof.equal, proof.mismatches
    assert proof.later_files == 2
    text = json.dumps(asdict(proof), ensure_ascii=False)
    text.encode()
    assert {r"\xb1\xa8\xb1\xed", r"\\xb1\\xa8\\xb1\\xed"} <= set(
        proof.reports["source"]["folders"][UPLOADS]["parts"]
    )
    movers.follow(Side.TARGET)
    assert movers.roll_back().outcome == "switched"
    assert movers.prove(Side.SOURCE).equal
    back = os.fsencode(world.root(world.legacy) / UPLOADS)
    assert Path(os.fsdecode(back + b"/" + folder + b"/late-" + file)).read_text() == "late"


def test_folders_alone_are_not_cut_over_while_a_process_can_still_write_to_them(
    world: World,
) -> None:
    transfer = world.transfer("alone", database=None)
    try:
        world.movers(transfer, "prepare").prepare()
        movers = world.movers(transfer, "cutover")
        wait_until_ready(movers)
        uploads = world.root(world.legacy) / UPLOADS
        with (uploads / "held.log").open("ab") as held:
            ended = movers.cut_over()
            assert ended.outcome == "reverted", ended
            assert "folder_in_use" in str(ended)
            held.write(b"acknowledged")
        assert (uploads / "held.log").read_bytes() == b"acknowledged"
        ended = movers.cut_over()
        assert ended.outcome == "switched", ended
        assert (world.root(world.target) / UPLOADS / "held.log").read_bytes() == b"acknowledged"
        assert movers.prove(Side.TARGET).equal
        movers.follow(Side.TARGET)
        assert movers.roll_back().outcome == "switched"
    finally:
        reset(world, transfer)


def make_old_names(uploads: Path, folder: bytes, file: bytes) -> None:
    """Create files with names in another encoding, and a folder whose name looks like an escaped one."""
    parent = os.fsencode(uploads)
    for path in (parent + b"/" + folder, parent + b"/" + rb"\xb1\xa8\xb1\xed"):
        Path(os.fsdecode(path)).mkdir(exist_ok=True)
        Path(os.fsdecode(path + b"/" + file)).write_text("old")
    Path(os.fsdecode(parent + b"/" + file)).write_text("old")


def test_clean_up_removes_everything_of_the_mover_and_does_not_change_the_serving_side(
    world: World, transfer: Transfer
) -> None:
    world.movers(transfer, "prepare").prepare()
    wait_until_ready(world.movers(transfer, "prepare"))
    passwords = credentials(world, transfer)
    for conninfo in passwords:
        psycopg.connect(conninfo).close()
    cleaned_up = world.movers(transfer, "clean_up").clean_up(remove_copies=True)
    assert cleaned_up.left == ()
    for host, database in ((world.legacy, "app"), (world.target, "postgres")):
        with world.admin(host, database) as connection:
            assert connection.execute(LEFTOVERS).fetchall() == []
        names = [path.name for path in world.root(host).rglob("*")]
        assert [
            name for name in names if transfer.key in name or name.startswith(("mover-", "prover-"))
        ] == []
    assert transfer.key not in (world.root(world.names) / "srv/names/tokens.json").read_text()
    for conninfo in passwords:
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(conninfo)
    assert not (world.root(world.target) / f"{UPLOADS}.fenced-{transfer.key}").exists()
    expect_one_side(world, world.legacy)


def credentials(world: World, transfer: Transfer) -> list[str]:
    """Return the connection string of each side for the other one."""
    conninfos = []
    for host, other, direction in (
        (world.target, world.legacy, "forward"),
        (world.legacy, world.target, "reverse"),
    ):
        path = world.root(host) / f"srv/govcloud/{transfer.key}/secrets.json"
        assert path.stat().st_mode & 0o077 == 0
        password = path.read_text().split(f'"{direction}_password": "')[1].split('"')[0]
        assert password not in "\n".join(world.log)
        user = f"govcloud_{transfer.key}_{direction}"
        conninfos.append(f"host={other.address} dbname=app user={user} password={password} connect_timeout=3")
    return conninfos
