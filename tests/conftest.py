"""Fixtures of every tier: databases cloned from templates, people, the API, the whole product.

`city` is the sample city at its as-of date; a clone of it costs a few dozen milliseconds.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from orchestrator.adapters.content_files import read_content
from orchestrator.adapters.policy_files import load_pack
from orchestrator.core import clock
from orchestrator.core.db import create_database_engine, transaction
from orchestrator.departments.permissions import Actor
from orchestrator.policies.pack import PolicyPack
from orchestrator.schema import revisions
from orchestrator.settings import Settings
from orchestrator.workflows.content import content_revisions
from orchestrator.workflows.people import accounts
from tests.callers import Callers
from tests.contract import require_stored_shapes
from tests.factories import AS_OF
from tests.office import Office, serving
from tests.parts import skip_without
from tests.postgres import Server, start_server
from tests.running import RunningService, reserve_port

ROOT = Path(__file__).resolve().parents[1]
SECONDS_OF_FILES = {
    "tests/faults/test_migration_killed_workers.py": 150,
    "tests/browser/test_migration_pages.py": 110,
    "tests/flows/test_demo.py": 45,
    "tests/ports/movers/test_copy_faults.py": 95,
    "tests/ports/movers/test_switch_faults.py": 95,
    "tests/faults/test_killed_close.py": 75,
    "tests/ports/movers/test_cutover_and_rollback.py": 70,
    "tests/flows/test_migrations.py": 60,
    "tests/faults/test_engine_workers.py": 55,
    "tests/browser/test_console_flow.py": 55,
    "tests/flows/test_failed_applies.py": 45,
    "tests/faults/test_outages.py": 40,
    "tests/faults/test_killed_workers.py": 40,
    "tests/db/billing/test_months.py": 40,
    "tests/browser/test_statement_pages.py": 35,
    "tests/browser/test_request_form.py": 35,
    "tests/browser/test_pages.py": 35,
    "tests/flows/test_changes.py": 30,
    "tests/flows/test_statements.py": 30,
    "tests/flows/test_migrations_refused.py": 30,
    "tests/faults/test_other_runs.py": 30,
    "tests/faults/test_killed_engines.py": 30,
}
"""File -> seconds it takes; a long file that starts last would let all other test processes wait for it."""


# How long an example takes says more about the machine than about the rule.
hypothesis.settings.register_profile("without deadlines", deadline=None, print_blob=True)
hypothesis.settings.load_profile("without deadlines")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Several test processes share the work by files: a module's product and city are made once."""
    if getattr(config.option, "numprocesses", None) and config.option.dist in ("no", "load"):
        config.option.dist = "loadfile"
        config.option.loadscopereorder = False  # The order below is by seconds, not by the number of tests.


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--campaign",
        type=int,
        metavar="SEED",
        help="Run only the long faults, drawn with this seed (make faults).",
    )
    parser.addoption(
        "--backwards", action="store_true", help="Run the tests of each file from its last to its first."
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long faults, or everything else, and start the longest files first."""
    wanted = config.getoption("--campaign") is not None
    left_out = [item for item in items if (item.get_closest_marker("campaign") is not None) != wanted]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
    if config.getoption("--backwards"):
        items.reverse()
    items.sort(key=lambda item: -SECONDS_OF_FILES.get(item.path.relative_to(ROOT).as_posix(), 0))


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what runs in its background so, and every process of a test would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line(
        "markers", "invariant(*numbers): the invariants of the domain that the test shows"
    )
    config.addinivalue_line("markers", "campaign: a long fault, which only make faults runs")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The PostgreSQL server of this test process."""
    try:
        made = start_server()
    except RuntimeError as missing:
        skip_without("postgres", str(missing))
    yield made
    made.remove()


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """The name of a database at the newest revision, without content."""
    name = server.create_database()
    revisions.upgrade(server.url(name))
    return name


@pytest.fixture(scope="session")
def city(server: Server, template: str) -> str:
    """The name of a database with the sample city at 2019-06-19 09:00."""
    name = server.create_database(template)
    engine = create_database_engine(server.url(name))
    bundle = read_content(ROOT).bundle
    assert bundle is not None
    with transaction(engine) as session:
        clock.set_to(session, AS_OF)
        content_revisions.load_content(session, bundle, None)
    engine.dispose()
    return name


@contextmanager
def _clone(server: Server, template: str) -> Iterator[str]:
    name = server.create_database(template)
    try:
        yield server.url(name)
    finally:
        server.drop_database(name)


@pytest.fixture
def database_url(server: Server, template: str) -> Iterator[str]:
    """A database of the test's own at the newest revision, without content."""
    with _clone(server, template) as url:
        yield url


@pytest.fixture
def city_url(server: Server, city: str) -> Iterator[str]:
    """A sample city of the test's own."""
    with _clone(server, city) as url:
        yield url


@pytest.fixture
def new_city(server: Server, city: str) -> Iterator[Callable[[], Engine]]:
    """Makes one sample city after the other, for tests that need several."""
    made: list[tuple[str, Engine]] = []

    def make() -> Engine:
        name = server.create_database(city)
        made.append((name, create_database_engine(server.url(name))))
        return made[-1][1]

    yield make
    for name, engine in made:
        engine.dispose()
        server.drop_database(name)


@pytest.fixture
def engine(city_url: str) -> Iterator[Engine]:
    """An engine on the test's own sample city."""
    made = create_database_engine(city_url, pool_size=20)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def shared_engine(server: Server, city: str) -> Iterator[Engine]:
    """An engine on a sample city that all tests of a module share; each leaves it as it wants to find it."""
    with _clone(server, city) as url:
        made = create_database_engine(url, pool_size=20)
        yield made
        made.dispose()


@pytest.fixture
def session(shared_engine: Engine) -> Iterator[Session]:
    """A session on the module's sample city; whatever it commits is taken back at the end."""
    with shared_engine.connect() as connection, connection.begin() as whole:
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as made:
            yield made
        whole.rollback()


@pytest.fixture(scope="session")
def pack() -> PolicyPack:
    """The policy pack of the sample city."""
    return load_pack(ROOT / "policies" / "xinyu-2019")


@pytest.fixture
def actor(engine: Engine) -> Callable[[str], Actor]:
    """``actor("slj.clerk")``: that person with the rights of today."""

    def named(username: str) -> Actor:
        with transaction(engine) as session:
            return accounts.actor_named(session, username)

    return named


@pytest.fixture
def clerk(actor: Callable[[str], Actor]) -> Actor:
    return actor("slj.clerk")


@pytest.fixture
def officer(actor: Callable[[str], Actor]) -> Actor:
    return actor("slj.officer")


@pytest.fixture
def reviewer(actor: Callable[[str], Actor]) -> Actor:
    return actor("xxh.reviewer")


@pytest.fixture
def approver(actor: Callable[[str], Actor]) -> Actor:
    return actor("xxh.approver")


@pytest.fixture
def applier(actor: Callable[[str], Actor]) -> Actor:
    return actor("csp1.applier")


@pytest.fixture
def auditor(actor: Callable[[str], Actor]) -> Actor:
    return actor("sjj.auditor")


@pytest.fixture
def finance(actor: Callable[[str], Actor]) -> Actor:
    return actor("czj.finance")


@pytest.fixture
def smart_city(actor: Callable[[str], Actor]) -> Actor:
    return actor("zhb.approver")


@pytest.fixture
def administrator(actor: Callable[[str], Actor]) -> Actor:
    return actor("xxh.admin")


@pytest.fixture
def settings(city_url: str, tmp_path: Path) -> Settings:
    """Settings of a web process on the test's own sample city."""
    return Settings(home=tmp_path / "home", database_url=city_url)


@pytest.fixture
def callers(engine: Engine, settings: Settings) -> Iterator[Callers]:
    """``callers("slj.clerk").get("/requests")``: people who call the real application over a socket."""
    with serving(settings) as address:
        made = Callers(engine, address)
        yield made
        made.close()


@pytest.fixture(scope="module")
def shared_callers(shared_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    """The same on the module's sample city, for tests that do not count its rows."""
    url = shared_engine.url.render_as_string(hide_password=False)
    with serving(Settings(home=tmp_path_factory.mktemp("home"), database_url=url)) as address:
        made = Callers(shared_engine, address)
        yield made
        made.close()


@pytest.fixture(scope="module")
def service(server: Server, city: str) -> Iterator[RunningService]:
    """The whole product as real processes, one for all tests of a module."""
    with _clone(server, city) as url:
        for made in _running(url):
            yield made
            require_stored_shapes(made.engine)


@pytest.fixture
def own_service(city_url: str) -> Iterator[RunningService]:
    """The whole product as real processes, for a test that breaks it."""
    yield from _running(city_url)


def _running(url: str) -> Iterator[RunningService]:
    made = RunningService(url)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def office(engine: Engine, city_url: str, tmp_path: Path, pack: PolicyPack) -> Iterator[Office]:
    """People, the API, and a worker with engines in memory that runs the queue when a test asks."""
    reserved = reserve_port()
    port = reserved.getsockname()[1]
    settings = Settings(home=tmp_path / "home", database_url=city_url, port=port)
    with reserved, serving(settings, port):
        made = Office(engine, settings, pack)
        yield made
        made.callers.close()
