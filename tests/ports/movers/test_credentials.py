"""The credentials of a transfer on a host permit one thing in one direction only."""

import hashlib
import hmac
import json
import socket
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from orchestrator.migrations.transfer import MigrationHost, Transfer
from tests.ports.movers.legacy import World, expect_one_side, reset, wait_until_ready

FORBIDDEN = (
    "INSERT INTO report (client, number) VALUES ('thief', 1)",
    "UPDATE report SET client = 'thief'",
    "DELETE FROM report",
    "TRUNCATE report",
    "CREATE TABLE public.mine (id int)",
    "ALTER ROLE app LOGIN",
    "CREATE ROLE mine",
    "CREATE PUBLICATION mine FOR TABLE report",
)


@pytest.fixture(scope="module")
def prepared(world: World) -> Iterator[Transfer]:
    transfer = world.transfer("credentials")
    world.movers(transfer, "prepare").prepare()
    wait_until_ready(world.movers(transfer, "prepare"))
    yield transfer
    reset(world, transfer)


def kept(world: World, transfer: Transfer, host: MigrationHost) -> dict[str, str]:
    path = world.root(host) / f"srv/govcloud/{transfer.key}/secrets.json"
    return dict(json.loads(path.read_text()))


def ask(address: str, port: int, token: str, /, **request: Any) -> dict[str, Any]:
    """The answer to one request behind a handshake; what ends the handshake is the answer as well."""
    with socket.create_connection((address, port), 5) as door, door.makefile("rwb") as lines:

        def exchange(value: dict[str, Any]) -> dict[str, Any]:
            lines.write(json.dumps(value).encode() + b"\n")
            lines.flush()
            return dict(json.loads(lines.readline() or b"{}"))

        name = hashlib.sha256(token.encode()).hexdigest()[:16]
        answer = exchange({"secret": name, "nonce": "own"})
        if "error" in answer:
            return answer
        words = {role: f"{role} own {answer['nonce']}".encode() for role in ("answering", "caller")}
        proofs = {role: hmac.new(token.encode(), each, "sha256").hexdigest() for role, each in words.items()}
        assert answer["proof"] == proofs["answering"]
        lines.write(json.dumps({"proof": proofs["caller"]}).encode() + b"\n")
        return exchange(request)


def test_a_host_keeps_its_way_to_the_other_side_and_nothing_of_the_other_way(
    world: World, prepared: Transfer
) -> None:
    source, target = kept(world, prepared, world.legacy), kept(world, prepared, world.target)
    assert set(target) == {"forward_password", "forward_files", "forward_names", "reverse_files"}
    assert set(source) == {"reverse_password", "reverse_files", "reverse_names", "forward_files"}
    for host, others in (
        (world.legacy, {target["forward_names"]}),
        (world.target, {source["reverse_names"]}),
        (
            world.names,
            {*source.values(), *target.values()} - {target["forward_names"], source["reverse_names"]},
        ),
    ):
        said = [path.read_bytes() for path in world.root(host).rglob("*.json") if path.is_file()]
        assert not [each for each in others for content in said if each.encode() in content], host.name


@pytest.mark.parametrize("way", ["forward", "reverse"])
def test_the_role_of_a_way_logs_in_on_one_side_and_reads_there(
    world: World, prepared: Transfer, way: str
) -> None:
    here, there = (world.legacy, world.target) if way == "forward" else (world.target, world.legacy)
    password = kept(world, prepared, there)[f"{way}_password"]
    login: dict[str, Any] = {
        "dbname": "app",
        "user": f"govcloud_{prepared.key}_{way}",
        "password": password,
        "connect_timeout": 3,
    }
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host=there.address, **login)
    with psycopg.connect(host=here.address, autocommit=True, **login) as connection:
        assert connection.execute("SELECT count(*) FROM report").fetchone() is not None
        for statement in FORBIDDEN:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_the_token_of_a_sides_files_opens_that_side_alone_and_only_what_is_moved(
    world: World, prepared: Transfer
) -> None:
    port, tokens = prepared.files_port, kept(world, prepared, world.target)
    source, target = world.legacy.address, world.target.address
    look = {"op": "look", "folder": 0}
    assert "changed" in ask(source, port, tokens["forward_files"], **look)
    unknown = {"error": "this token is not known"}
    assert ask(target, port, tokens["forward_files"], **look) == unknown
    assert ask(source, port, tokens["reverse_files"], **look) == unknown
    assert ask(source, port, "", **look) == unknown
    assert "error" in ask(source, port, tokens["forward_files"], op="put", folder=0)


def test_the_token_of_the_name_points_it_to_the_own_side_alone(world: World, prepared: Transfer) -> None:
    assert prepared.name is not None
    address, port = world.names.address, prepared.name.port
    token = kept(world, prepared, world.legacy)["reverse_names"]
    assert ask(address, port, token, op="hello")["to"] == world.legacy.address
    wish = {"name": prepared.name.record, "to": world.target.address, "address": world.target.address}
    assert ask(address, port, token, op="switch", **wish)["address"] == world.legacy.address
    assert ask(address, port, "a guess", op="switch") == {"error": "this token is not known"}
    assert world.address_of_name() == world.legacy.address
    expect_one_side(world, world.legacy)
