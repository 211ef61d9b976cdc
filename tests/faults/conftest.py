from collections.abc import Iterator

import pytest

from orchestrator.adapters.content_files import read_content
from orchestrator.core import clock
from orchestrator.core.db import create_database_engine, transaction
from orchestrator.schema import revisions
from orchestrator.workflows.content import content_revisions
from tests.factories import AS_OF
from tests.faults.product import Product
from tests.parts import skip_without
from tests.postgres import Cluster, Server
from tests.running import ROOT


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """A server that a test may stop."""
    try:
        cluster = Cluster()
    except RuntimeError as missing:
        skip_without("postgres", str(missing))
    yield cluster
    cluster.remove()


@pytest.fixture(scope="module")
def own_template(own_cluster: Cluster) -> str:
    name = own_cluster.create_database()
    revisions.upgrade(own_cluster.url(name))
    return name


@pytest.fixture
def own_database_url(own_cluster: Cluster, own_template: str) -> str:
    return own_cluster.url(own_cluster.create_database(own_template))


@pytest.fixture(scope="module")
def whole_product(server: Server, city: str) -> Iterator[Product]:
    """The whole product with quick heartbeats, one for all tests of a module."""
    made = Product(server.url(server.create_database(city)))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def product(whole_product: Product) -> Iterator[Product]:
    """The same with two workers, whatever the test before has broken, and no gate closed."""
    whole_product.make_whole()
    yield whole_product
    whole_product.open_gates()


@pytest.fixture(scope="module")
def product_on_own_cluster(own_cluster: Cluster, own_template: str) -> Iterator[Product]:
    """The whole product on a database server that a test may stop."""
    url = own_cluster.url(own_cluster.create_database(own_template))
    engine = create_database_engine(url)
    bundle = read_content(ROOT).bundle
    assert bundle is not None
    with transaction(engine) as session:
        clock.set_to(session, AS_OF)
        content_revisions.load_content(session, bundle, None)
    engine.dispose()
    made = Product(url)
    try:
        yield made
    finally:
        made.stop()
