from collections.abc import Iterator

import pytest

from orchestrator.schema import revisions
from tests.postgres import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.remove()


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    name = cluster.create_database()
    revisions.upgrade(cluster.url(name))
    return name


@pytest.fixture
def database_url(cluster: Cluster, template: str) -> str:
    return cluster.url(cluster.create_database(template))
