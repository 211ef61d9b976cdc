"""Whether a person sees an object is decided in one place; `tests/flows/test_sight.py` walks all routes."""

import re
from typing import Final

import pytest

from tests.architecture.conftest import Checkout

BY_HAND: Final = re.compile(r"\.sees\(|REQUESTS_READ,\s*\w+\.organisation_code")
DECIDING: Final = {"orchestrator/departments/permissions.py", "orchestrator/workflows/perform.py"}
"""`visible_to` and `require_visible` for reads, `perform` for acts."""


def test_a_read_asks_require_visible_or_visible_to(checkout: Checkout) -> None:
    files = {file.name for file in checkout.python("orchestrator/") if BY_HAND.search(file.text)}
    assert files == DECIDING


@pytest.mark.parametrize(
    "line", ["if not actor.sees(code):", "require(actor, Permission.REQUESTS_READ, plan.organisation_code)"]
)
def test_a_check_by_hand_is_noticed(line: str) -> None:
    assert BY_HAND.search(line)
