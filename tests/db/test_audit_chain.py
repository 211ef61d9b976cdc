"""Invariant 39: a change of the audit is found, even one by an administrator who disabled the triggers."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError
from typer.testing import CliRunner

from orchestrator.adapters.audit_heads import HeadsForged, append_head, read_heads
from orchestrator.cli import app
from orchestrator.core import audit
from orchestrator.core.audit import Head
from orchestrator.core.db import transaction
from orchestrator.core.events import Event
from orchestrator.core.sealing import Keys, load_keys

EVENTS = 12


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return load_keys(tmp_path / "keys.json")


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    return tmp_path / "audit" / "heads.jsonl"


@pytest.fixture
def chain(engine: Engine, keys: Keys, heads: Path) -> Engine:
    """A dozen more events, one a transaction, and the signed head of the last."""
    for number in range(EVENTS):
        with transaction(engine) as session:
            audit.record(
                session, Event("test:done", ("test", number), actor="person:1", data={"text": "水利局 “1”"})
            )
    with transaction(engine) as session:
        append_head(heads, keys, audit.head(session))
    return engine


def problems(engine: Engine, exported: list[Head]) -> list[str]:
    with transaction(engine) as session:
        return [finding.problem for finding in audit.verify(session, exported)]


Tampering = Callable[[Connection], None]


def edit(connection: Connection) -> None:
    connection.execute(
        text("UPDATE audit_events SET body = replace(body, 'person:1', 'person:2') WHERE seq = 5")
    )


def edit_a_column(connection: Connection) -> None:
    connection.execute(text("UPDATE audit_events SET actor = 'person:2' WHERE seq = 5"))


def edit_and_hash_again(connection: Connection) -> None:
    edit(connection)
    hash_again(connection, 5, 5)


def delete(connection: Connection) -> None:
    connection.execute(text("DELETE FROM audit_events WHERE seq = 5"))


def delete_and_close_the_gap(connection: Connection) -> None:
    delete(connection)
    for seq in range(6, last(connection) + 1):
        connection.execute(text("UPDATE audit_events SET seq = :seq - 1 WHERE seq = :seq"), {"seq": seq})
    hash_again(connection, 5, last(connection))


def reorder(connection: Connection) -> None:
    for before, after in ((5, -1), (6, 5), (-1, 6)):
        connection.execute(
            text("UPDATE audit_events SET seq = :after WHERE seq = :before"),
            {"before": before, "after": after},
        )


def truncate_the_chain(connection: Connection) -> None:
    connection.execute(text("DELETE FROM audit_events WHERE seq > 8"))
    connection.execute(
        text("UPDATE audit_chain SET seq = 8, hash = (SELECT hash FROM audit_events WHERE seq = 8)")
    )


def compute_the_whole_chain_again(connection: Connection) -> None:
    edit(connection)
    edit_a_column(connection)
    hash_again(connection, 5, last(connection))


def last(connection: Connection) -> int:
    return int(connection.execute(text("SELECT max(seq) FROM audit_events")).scalar_one())


def hash_again(connection: Connection, first: int, end: int) -> None:
    """Forge events with knowledge of the hash function."""
    select = text("SELECT hash FROM audit_events WHERE seq = :seq")
    before = connection.execute(select, {"seq": first - 1}).scalar_one()
    for seq in range(first, end + 1):
        body = connection.execute(
            text("SELECT body FROM audit_events WHERE seq = :seq"), {"seq": seq}
        ).scalar_one()
        after = audit.event_hash(before, seq, body)
        connection.execute(
            text("UPDATE audit_events SET previous_hash = :before, hash = :after WHERE seq = :seq"),
            {"before": before, "after": after, "seq": seq},
        )
        before = after
    connection.execute(text("UPDATE audit_chain SET seq = :seq, hash = :hash"), {"seq": end, "hash": before})


ALL = [
    edit,
    edit_a_column,
    edit_and_hash_again,
    delete,
    delete_and_close_the_gap,
    reorder,
    truncate_the_chain,
    compute_the_whole_chain_again,
]


@pytest.mark.invariant(39)
@pytest.mark.parametrize("tamper", ALL)
def test_every_kind_of_tampering_is_found(chain: Engine, keys: Keys, heads: Path, tamper: Tampering) -> None:
    exported = list(read_heads(heads, keys).signed)
    assert problems(chain, exported) == []
    with chain.begin() as connection:
        connection.execute(text("ALTER TABLE audit_events DISABLE TRIGGER USER"))
        tamper(connection)
    assert problems(chain, exported)


@pytest.mark.invariant(39)
def test_a_chain_that_was_computed_again_is_whole_in_itself_and_only_the_exported_head_tells(
    chain: Engine, keys: Keys, heads: Path
) -> None:
    with chain.begin() as connection:
        connection.execute(text("ALTER TABLE audit_events DISABLE TRIGGER USER"))
        compute_the_whole_chain_again(connection)
    assert problems(chain, []) == []
    assert any(
        "exported head" in problem for problem in problems(chain, list(read_heads(heads, keys).signed))
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET actor = 'x'",
        "DELETE FROM audit_events WHERE seq = 3",
        "TRUNCATE audit_events",
        "UPDATE state_versions SET serial = 0",
        "DELETE FROM state_versions",
    ],
)
def test_an_event_and_a_state_are_never_changed_in_the_ordinary_way(chain: Engine, statement: str) -> None:
    with pytest.raises(IntegrityError, match="append-only"), chain.begin() as connection:
        connection.execute(text(statement))


def test_a_head_that_this_installation_did_not_sign_is_refused(
    chain: Engine, keys: Keys, heads: Path, tmp_path: Path
) -> None:
    others = load_keys(tmp_path / "other" / "keys.json")
    with transaction(chain) as session:
        append_head(tmp_path / "forged.jsonl", others, audit.head(session))
    assert read_heads(heads, keys).signed
    with pytest.raises(HeadsForged):
        read_heads(tmp_path / "forged.jsonl", keys)


TORN = {
    "after its first sign": lambda line: line[:1],
    "in the middle": lambda line: line[:60],
    "before its last sign": lambda line: line[:-2],
    "with a rest of NUL": lambda line: line[:60] + "\0" * 40,
    "with nothing but NUL": lambda line: "\0" * len(line),
}


@pytest.mark.parametrize("tear", TORN.values(), ids=TORN.keys())
def test_a_torn_line_is_distinguished_from_a_forged_one_and_the_next_head_is_written_behind_it(
    chain: Engine, keys: Keys, heads: Path, tear: Callable[[str], str]
) -> None:
    whole = heads.read_text()
    heads.write_text(whole + tear(whole))
    assert (len(read_heads(heads, keys).signed), read_heads(heads, keys).torn) == (1, [2])
    with transaction(chain) as session:
        audit.record(session, Event("test:done", ("test", "next"), actor="person:1"))
    with transaction(chain) as session:
        append_head(heads, keys, audit.head(session))
        append_head(heads, keys, audit.head(session))
    exported = read_heads(heads, keys)
    assert (len(exported.signed), exported.torn) == (2, [2])
    assert problems(chain, list(exported.signed)) == []


def test_a_head_that_lacks_only_the_end_of_its_line_still_counts(
    chain: Engine, keys: Keys, heads: Path
) -> None:
    heads.write_text(heads.read_text().rstrip("\n"))
    with transaction(chain) as session:
        audit.record(session, Event("test:done", ("test", "next"), actor="person:1"))
    with transaction(chain) as session:
        append_head(heads, keys, audit.head(session))
    exported = read_heads(heads, keys)
    assert (len(exported.signed), exported.torn) == (2, [])


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("line", ["x", "{}", '{"seq": 3}', '{"hash": "'])
def test_a_line_that_this_installation_never_began_is_forged(keys: Keys, heads: Path, line: str) -> None:
    heads.write_text(heads.read_text() + line)
    with pytest.raises(HeadsForged, match=r"Line 2 of heads\.jsonl"):
        read_heads(heads, keys)


@pytest.mark.invariant(39)
def test_the_command_says_what_is_wrong_and_fails(
    chain: Engine, city_url: str, heads: Path, tmp_path: Path
) -> None:
    environment = {"DATABASE_URL": city_url, "GOVCLOUD_HOME": str(tmp_path)}
    with heads.open("a") as file:
        file.write('{"seq": 1')
    whole = CliRunner().invoke(app, ["audit", "verify"], env=environment)
    assert (whole.exit_code, "The chain is whole." in whole.output) == (0, True)
    assert "line 2 of the heads was written incompletely" in whole.output
    with chain.begin() as connection:
        connection.execute(text("ALTER TABLE audit_events DISABLE TRIGGER USER"))
        edit(connection)
    broken = CliRunner().invoke(app, ["audit", "verify"], env=environment)
    assert broken.exit_code == 1
    assert "event 5: its content was changed" in broken.output
