"""Committed files hold no registry addresses, paths of one machine or unfinished work."""

import re

import pytest

from tests.architecture.conftest import Checkout

LOCKS = ("requirements/", "assets/package-lock.json")
UNFINISHED = re.compile(r"(?:#|//|/\*|<!--).*\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
HOME_FOLDER = re.compile(r"(?<![\w.$}])/(?:home|Users)/\w|(?<![\w.$}/])/root/")


def test_lists_of_packages_carry_hashes_and_no_address(checkout: Checkout) -> None:
    locks = [file for file in checkout.texts() if file.name.startswith(LOCKS)]
    assert locks
    for file in locks:
        assert "://" not in file.text or file.name.endswith(".json"), file.name
        assert '"resolved"' not in file.text, file.name
    for file in locks:
        if file.name.endswith(".txt"):
            pins = re.findall(r"^[\w.\[\]-]+==.*$", file.text, re.MULTILINE)
            assert pins, file.name
            assert all(pin.endswith("\\") for pin in pins), f"{file.name}: a package without a hash"


def test_there_is_no_lock_of_a_kind_that_names_its_registry(checkout: Checkout) -> None:
    assert not [name for name in checkout.names if name.endswith(("uv.lock", "poetry.lock", "yarn.lock"))]


@pytest.mark.parametrize(
    ("pattern", "reason"), [(UNFINISHED, "unfinished"), (HOME_FOLDER, "a person's folder")]
)
def test_no_file_speaks_of(pattern: re.Pattern[str], reason: str, checkout: Checkout) -> None:
    found = {
        f"{file.name}:{number}"
        for file in checkout.texts()
        if not file.name.startswith(("tests/", "LICENSE", "assets/package-lock.json"))
        for number, line in enumerate(file.text.splitlines(), start=1)
        if pattern.search(line)
    }
    assert not found, reason


def test_no_file_names_the_folder_that_this_checkout_lies_in(checkout: Checkout) -> None:
    place = f"{checkout.root}/"
    assert not [file.name for file in checkout.texts() if place in file.text]
