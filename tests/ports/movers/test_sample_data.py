"""The sample system is seeded once; its saved data is restored in seconds, and it serves."""

import shutil
import sys
import time
from typing import Any

import pytest

from orchestrator.demo.sample_system import SampleSystem
from tests.ports.movers.legacy import PLAYBOOKS, SMALL, UPLOADS, World, expect_one_side

TABLES = "SELECT (SELECT sum(hashtextextended(p::text, 0)) FROM person p), (SELECT count(*) FROM report)"


def contents(world: World) -> Any:
    """Return the content of the legacy system: rows by hash, files by path, size and time."""
    place = world.root(world.legacy) / UPLOADS
    files = {path: path.stat() for path in place.rglob("*") if path.is_file()}
    with world.admin(world.legacy) as connection:
        rows = connection.execute(TABLES).fetchone()
    return rows, {str(path.relative_to(place)): (s.st_size, s.st_mtime_ns) for path, s in files.items()}


def test_what_was_kept_of_the_sample_system_is_brought_back_in_seconds_and_serves(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    system = SampleSystem(world.engine, PLAYBOOKS, world.folder)
    before = contents(world)
    kept = system.keep(world.legacy)
    with world.clients() as clients, world.admin(world.legacy) as connection:
        clients.wait_for(40)
        connection.execute("UPDATE person SET name = 'spoilt'")
        shutil.rmtree(world.root(world.legacy) / UPLOADS / "0000")
    assert contents(world) != before
    began = time.monotonic()
    restored = system.restore(world.legacy)
    whole = time.monotonic() - began
    assert contents(world) == before
    with world.clients() as clients:
        clients.wait_for(20)
    expect_one_side(world, world.legacy)
    with capsys.disabled():
        size = f"{SMALL['megabytes']} MB and {SMALL['files']} files"
        sys.stdout.write(
            f"\n{size}: kept in {kept} s, brought back in {restored} s ({whole:.1f} s with Ansible)\n"
        )
    assert restored < 30
