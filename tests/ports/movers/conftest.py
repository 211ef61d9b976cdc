"""One cloud with a legacy system, its target and a name service for all tests of a process."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.adapters.embedded_postgres import EmbeddedPostgresError, programs_folder
from tests.parts import skip_without
from tests.ports.movers.legacy import World, remove_folder
from tests.ports.sandbox.daemon import Daemon

LINES_SHOWN = 40


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """Yield a cloud whose legacy system serves; no transfer is prepared."""
    try:
        programs_folder()
    except EmbeddedPostgresError as missing:
        skip_without("postgres", str(missing))
    folder = Path(tempfile.mkdtemp(prefix="movers-"))
    folder.chmod(0o755)
    daemon = Daemon(plain=True).start()
    try:
        world = World(daemon, folder)
        world.prepare()
        yield world
    finally:
        daemon.close()
        remove_folder(folder)


@pytest.fixture(autouse=True)
def log_on_failure(request: pytest.FixtureRequest) -> Iterator[None]:
    """Print the end of the plays' log, which pytest shows for a failed test."""
    yield
    if "world" in request.fixturenames:
        sys.stdout.write("\n".join(request.getfixturevalue("world").log[-LINES_SHOWN:]))
