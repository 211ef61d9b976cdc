"""The connection plugin's half of a conversation with a host's init, without a host."""

import importlib.util
import os
import socket
from types import ModuleType

import pytest

from tests.ports.sandbox.daemon import ROOT


@pytest.fixture(scope="module")
def plugin() -> ModuleType:
    path = ROOT / "playbooks/plugins/connection/sandbox.py"
    specification = importlib.util.spec_from_file_location("sandbox_connection", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("request_size", [2, 4_000_000])
def test_an_answer_is_read_although_the_init_closed_before_the_request_was_sent(
    plugin: ModuleType, request_size: int
) -> None:
    ours, init = socket.socketpair()
    init.sendall(b'{"error": "refused"}\n')
    init.close()
    with ours:
        plugin.send(ours, b"x" * request_size, [os.open(os.devnull, os.O_RDONLY) for _ in range(3)])
        assert ours.recv(100) == b'{"error": "refused"}\n'
