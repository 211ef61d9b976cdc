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


def stored_secrets(world: World, transfer: Transfer, host: MigrationHost) -> dict[str, str]:
    path = world.root(host) / f"srv/govcloud/{transfer.key}/secrets.json"
    return dict(json.loads(path.read_text()))


def ask(address: str, port: int, token: str, /, **request: Any) -> dict[str, Any]:
    """Return the answer to one request after a handshake, or the error that ended the handshake."""
    with (
        socket.create_connection((address, port), 5) as connection,
        connection.makefile("rwb") as lines,
    ):

        def exchange(value: dict[str, Any]) -> dict[str, Any]:
            lines.write(json.dumps(value).encode() + b"\n")
            lines.flush()
            return dict(json.loads(lines.readline() or b"{}"))

        name = hashlib.sha256(token.encode()).hexdigest()[:16]
        answer = exchange({"secret": name, "nonce": "own"})
        if "error" in answer:
            return answer
        texts = {role: f"{role} own {answer['nonce']}".encode() for role in ("answering", "caller")}
        proofs = {role: hmac.new(token.encode(), text, "sha256").hexdigest() for role, text in texts.items()}
        assert answer["proof"] == proofs["answering"]
        lines.write(json.dumps({"proof": proofs["caller"]}).encode() + b"\n")
        return exchange(request)


def test_a_host_stores_the_secrets_of_its_own_direction_and_none_of_the_other(
    world: World, prepared: Transfer
) -> None:
    source, target = (
        stored_secrets(world, prepared, world.legacy),
        stored_secrets(world, prepared, world.target),
    )
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
        contents = [path.read_bytes() for path in world.root(host).rglob("*.json") if path.is_file()]
        assert not [secret for secret in others for content in contents if secret.encode() in content], (
            host.name
        )


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_the_role_of_a_direction_can_only_read_and_only_from_the_publisher(
    world: World, prepared: Transfer, direction: str
) -> None:
    publisher, subscriber = world.legacy, world.target
    if direction == "reverse":
        publisher, subscriber = subscriber, publisher
    password = stored_secrets(world, prepared, subscriber)[f"{direction}_password"]
    login: dict[str, Any] = {
        "dbname": "app",
        "user": f"govcloud_{prepared.key}_{direction}",
        "password": password,
        "connect_timeout": 3,
    }
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host=subscriber.address, **login)
    with psycopg.connect(host=publisher.address, autocommit=True, **login) as connection:
        assert connection.execute("SELECT count(*) FROM report").fetchone() is not None
        for statement in FORBIDDEN:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_the_token_of_a_file_server_is_valid_for_that_server_only(world: World, prepared: Transfer) -> None:
    port, tokens = prepared.files_port, stored_secrets(world, prepared, world.target)
    source, target = world.legacy.address, world.target.address
    request = {"op": "changes", "folder": 0}
    assert "changed" in ask(source, port, tokens["forward_files"], **request)
    unknown = {"error": "this token is not known"}
    assert ask(target, port, tokens["forward_files"], **request) == unknown
    assert ask(source, port, tokens["reverse_files"], **request) == unknown
    assert ask(source, port, "", **request) == unknown
    assert "error" in ask(source, port, tokens["forward_files"], op="put", folder=0)


def test_a_token_of_the_name_can_only_point_it_to_the_own_side(world: World, prepared: Transfer) -> None:
    assert prepared.name is not None
    address, port = world.names.address, prepared.name.port
    token = stored_secrets(world, prepared, world.legacy)["reverse_names"]
    assert ask(address, port, token, op="hello")["to"] == world.legacy.address
    fields = {"name": prepared.name.record, "to": world.target.address, "address": world.target.address}
    assert ask(address, port, token, op="switch", **fields)["address"] == world.legacy.address
    assert ask(address, port, "a guess", op="switch") == {"error": "this token is not known"}
    assert world.address_of_name() == world.legacy.address
    expect_one_side(world, world.legacy)
