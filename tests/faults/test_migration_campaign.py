"""Faults at moments that a seed draws: a cutover or a rollback, whom to kill, how long after its order.

`make faults SEED=7` draws the same faults each time. After each, one side serves and the record says which.
"""

import random
import time
from collections.abc import Callable, Iterator

import pytest

from orchestrator.client.api import ApiClient
from orchestrator.client.models import RunDetail
from orchestrator.demo.sample_system import lost
from tests.faults.live_migration import LiveMigration, answers, bring_home, checked_migration
from tests.faults.product import Product
from tests.ports.movers.faults import kill_database
from tests.running import wait_until
from tests.transfers import APPLIER

pytestmark = pytest.mark.campaign
ROUNDS = 12
SECONDS_OF_A_SWITCH = 6.0


def kill_worker(live: LiveMigration, run: RunDetail) -> None:
    if live.product.reader.read_run(run.id).status == "running":
        live.product.kill_worker_of(run.id)


def kill_worker_and_ansible(live: LiveMigration, run: RunDetail) -> None:
    kill_worker(live, run)
    live.product.kill_engines("ansible")


def kill_ansible(live: LiveMigration, _run: RunDetail) -> None:
    live.product.kill_engines("ansible")


def kill_source_database(live: LiveMigration, _run: RunDetail) -> None:
    kill_database(live.legacy.host)


def kill_target_database(live: LiveMigration, _run: RunDetail) -> None:
    kill_database(live.target)


FAULTS: tuple[Callable[[LiveMigration, RunDetail], None], ...] = (
    kill_worker,
    kill_worker_and_ansible,
    kill_ansible,
    kill_source_database,
    kill_target_database,
)


@pytest.fixture(scope="module")
def live(whole_product: Product) -> Iterator[LiveMigration]:
    """Everything is copied and both directions are prepared."""
    with checked_migration(whole_product, budget_ms=4_000) as made:
        made.migration.well(APPLIER, ApiClient.start_migration)
        yield made


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_fault_at_a_drawn_moment_leaves_one_side_serving(
    product: Product,
    live: LiveMigration,
    number: int,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    seed = f"{request.config.getoption('--campaign')}:{number}"
    draw = random.Random(seed)  # noqa: S311 - it is drawn to be drawn again
    act, fault = (
        draw.choice((ApiClient.cut_over_migration, ApiClient.roll_back_migration)),
        draw.choice(FAULTS),
    )
    delay = draw.uniform(0, SECONDS_OF_A_SWITCH)
    if act is ApiClient.cut_over_migration:
        live.migration.scheduled()
    else:
        live.migration.cut_over()
    run = live.migration.act(APPLIER, act)
    time.sleep(delay)
    fault(live, run)
    product.make_whole()
    ended = product.ended_run(run.id)
    wait_until(lambda: answers(live.legacy.host) and answers(live.target), "both databases are back")
    fault_played = f"{act.__name__}, {fault.__name__} after {delay:.2f} s: {ended.status}"
    record_property("fault", fault_played)
    bring_home(live, ended)


def test_no_acknowledged_write_is_lost_through_all_of_it(live: LiveMigration) -> None:
    live.clients.stop()
    assert lost(live.clients.acknowledged(), live.legacy.host) == (0, 0)
