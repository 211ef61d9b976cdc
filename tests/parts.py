"""Parts that a machine may lack: a test without one skips, or fails where GOVCLOUD_REQUIRE names it."""

import os
from typing import NoReturn

import pytest

REQUIRED = frozenset(os.environ.get("GOVCLOUD_REQUIRE", "").split(",")) - {""}
"""Any of postgres, terraform, chromium, namespaces."""


def skip_without(part: str, reason: str) -> NoReturn:
    """End the test or fixture, because `part` is missing for `reason`."""
    if part in REQUIRED:
        pytest.fail(f"{reason} (GOVCLOUD_REQUIRE names {part})")
    pytest.skip(reason)
