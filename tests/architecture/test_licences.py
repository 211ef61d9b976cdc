"""The licence of every locked package is known and accepted; one that asks for attention is in NOTICE."""

import json
import re
import tomllib
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata

import pytest

from tests.architecture.conftest import Checkout
from tests.architecture.test_dependencies import plain

PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0", "PostgreSQL"),
}
"""Licences that ask for no more than that their text is kept."""

NAMED_IN_NOTICE = {
    *("BUSL-1.1", "CNRI-Python", "GPL-3.0-or-later", "LGPL-3.0-only", "MPL-2.0", "OFL-1.1"),
}
"""Licences that are accepted for the packages that NOTICE names, and for the reason given there."""

PIN = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==", re.MULTILINE)
HEADING = re.compile(r"^([\w., -]+) \(([\w. -]+)\)$", re.MULTILINE)
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "SIL Open Font License 1.1 (OFL-1.1)": "OFL-1.1",
}
"""Older metadata states a licence as a classifier: what the table's expression begins with then."""


@pytest.fixture(scope="module")
def licences(checkout: Checkout) -> dict[str, str]:
    """The SPDX expression of each package by its plain name, as requirements/licences.toml has it."""
    table = tomllib.loads((checkout.root / "requirements" / "licences.toml").read_text(encoding="utf-8"))
    assert all(names == sorted(names) for names in table.values())
    pairs = [(name, expression) for expression, names in table.items() for name in names]
    assert len(dict(pairs)) == len(pairs), "a package has two licences"
    return dict(pairs)


@pytest.fixture(scope="module")
def notice(checkout: Checkout) -> str:
    return (checkout.root / "NOTICE").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def npm_packages(checkout: Checkout) -> dict[str, str]:
    """The SPDX expression of each package of the console's npm lock."""
    lock = json.loads((checkout.root / "assets" / "package-lock.json").read_text(encoding="utf-8"))
    return {
        path.removeprefix("node_modules/"): package["license"]
        for path, package in lock["packages"].items()
        if path
    }


def identifiers(expression: str) -> set[str]:
    return set(re.split(r" (?:AND|OR) ", expression))


def test_the_table_has_every_locked_package_and_no_other(
    checkout: Checkout, licences: dict[str, str]
) -> None:
    lists = [file for file in checkout.texts(".txt") if file.name.startswith("requirements/")]
    locked = {plain(name) for file in lists for name in PIN.findall(file.text)}
    assert len(lists) > 5
    assert locked == set(licences)


def test_the_table_says_what_the_metadata_of_each_installed_package_says(licences: dict[str, str]) -> None:
    checked, wrong = 0, {}
    for name, expression in licences.items():
        try:
            stated = stated_licence(metadata(name))
        except PackageNotFoundError:
            continue  # For another machine, or for a build of its own.
        checked += bool(stated)
        if stated and not expression.startswith(stated):
            wrong[name] = stated
    assert wrong == {}
    assert checked > 50


def stated_licence(package: PackageMetadata) -> str | None:
    """The expression that the metadata states, or how it begins; None where there is only prose."""
    if "License-Expression" in package:
        return str(package["License-Expression"])
    stated = [name.split(" :: ")[-1] for name in package.get_all("Classifier") or [] if "License ::" in name]
    return CLASSIFIERS.get(stated[0], f"unknown: {stated[0]}") if stated else None


def test_every_licence_is_accepted(licences: dict[str, str], npm_packages: dict[str, str]) -> None:
    accepted = PERMISSIVE | NAMED_IN_NOTICE
    assert {name for name, text in licences.items() if not identifiers(text) <= accepted} == set()
    assert npm_packages
    assert {name for name, text in npm_packages.items() if not identifiers(text) <= PERMISSIVE} == set()


def test_notice_names_every_package_that_asks_for_attention_with_its_licence(
    licences: dict[str, str], notice: str
) -> None:
    named = {name: text for names, text in HEADING.findall(notice) for name in names.split(", ")}
    asking = {name: text for name, text in licences.items() if not identifiers(text) <= PERMISSIVE}
    assert asking.items() - named.items() == set()
    assert named.items() - licences.items() == set(), "not locked, or under another licence"


def test_notice_names_every_npm_package_whose_files_are_shipped(
    checkout: Checkout, npm_packages: dict[str, str], notice: str
) -> None:
    hook = (checkout.root / "assets" / "hatch_build.py").read_text(encoding="utf-8")
    shipped = set(re.findall(r'^    "([\w.-]+)/[\w./-]+": ', hook, re.MULTILINE))
    assert shipped < set(npm_packages)
    assert {name for name in shipped if f"{name} ({npm_packages[name]}" not in notice} == set()
    assert {name for name in shipped if f'"{name}/LICENSE": ' not in hook} == set()
