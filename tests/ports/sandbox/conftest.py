"""Real clouds for the tests of the sandbox."""

import functools
from collections.abc import Iterator

import pytest

from tests.ports.sandbox.daemon import Daemon


@functools.cache
def namespaces_work() -> bool:
    daemon = Daemon(plain=False)
    try:
        return bool(daemon.start().ask(op="ping")["namespaces"])
    finally:
        daemon.close()


@pytest.fixture(params=["plain", "namespaces"])
def daemon(request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """A fresh cloud, once with plain hosts and once with hosts in namespaces."""
    if request.param == "namespaces" and not namespaces_work():
        pytest.skip("this kernel gives an ordinary account no namespaces")
    daemon = Daemon(plain=request.param == "plain")
    yield daemon.start()
    daemon.close()


@pytest.fixture
def cloud() -> Iterator[Daemon]:
    """A fresh cloud, for tests in which the kind of host plays no part."""
    daemon = Daemon(plain=True)
    yield daemon.start()
    daemon.close()
