"""Check references between documents: codes must exist and be unique, and price periods must meet.

Codes are collected from the raw data. A document with another mistake still declares its code, so the mistake
is reported once and not again at every reference to it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TypeVar

from orchestrator.content.documents import (
    FOLDERS,
    OrganisationDocument,
    PriceCatalogueDocument,
    SkusDocument,
    SystemsDocument,
)
from orchestrator.core.documents import Document

Path = tuple[str | int, ...]
D = TypeVar("D", bound=Document)


@dataclass(frozen=True)
class Finding:
    """A mistake between documents: the file, the path inside it, and the message."""

    file: str
    path: Path
    message: str


@dataclass(frozen=True)
class _Declaration:
    """The place where codes of one kind are declared.

    ``files`` is a prefix of file paths, ``items`` a list in these files (None: the file itself), ``field``
    the field with the code.
    """

    noun: str
    files: str
    items: str | None
    field: str


_DECLARATIONS = (
    _Declaration("organisation", "quotas/departments/", None, "code"),
    _Declaration("person", "quotas/departments/", "people", "username"),
    _Declaration("price catalogue", "quotas/price_catalogues/", None, "code"),
    _Declaration("SKU", "quotas/skus.yml", "skus", "code"),
    _Declaration("pool", "quotas/resource_pools.yml", "resource_pools", "code"),
    _Declaration("system", "quotas/systems.yml", "systems", "code"),
)

_Declared = Mapping[str, Mapping[str, tuple[str, Path]]]
"""For each noun the declared codes, each with the place of its first declaration."""


def reference_findings(raw: Mapping[str, object], documents: Mapping[str, Document]) -> list[Finding]:
    """Return every mistake between documents.

    ``raw`` has the data of every readable file, ``documents`` the valid documents; the keys of both are paths
    relative to the content folder, with ``/``.
    """
    findings: list[Finding] = []
    declared = {row.noun: _declared(row, raw, findings) for row in _DECLARATIONS}
    findings += _file_names(raw)
    for file, organisation in _valid(documents, OrganisationDocument):
        findings += _organisation(file, organisation, declared)
    for file, systems in _valid(documents, SystemsDocument):
        findings += _systems(file, systems, declared)
    catalogues = list(_valid(documents, PriceCatalogueDocument))
    for file, catalogue in catalogues:
        findings += _repeated(file, "prices", [price.sku for price in catalogue.prices])
        findings += _prices(file, catalogue, declared, documents)
    return findings + _periods(catalogues) + _parents(documents)


def _valid(documents: Mapping[str, Document], model: type[D]) -> Iterator[tuple[str, D]]:
    return ((file, document) for file, document in sorted(documents.items()) if isinstance(document, model))


def _declared(
    declaration: _Declaration, raw: Mapping[str, object], findings: list[Finding]
) -> Mapping[str, tuple[str, Path]]:
    first: dict[str, tuple[str, Path]] = {}
    for file, path, code in _codes(declaration, raw):
        if code in first:
            message = f'{declaration.noun} "{code}" is already declared in {first[code][0]}'
            findings.append(Finding(file, path, message))
        first.setdefault(code, (file, path))
    return first


def _codes(declaration: _Declaration, raw: Mapping[str, object]) -> Iterator[tuple[str, Path, str]]:
    for file, value in sorted(raw.items()):
        if not file.startswith(declaration.files) or not isinstance(value, Mapping):
            continue
        for path, item in _items(declaration, value):
            code = item.get(declaration.field) if isinstance(item, Mapping) else None
            if isinstance(code, str):
                yield file, (*path, declaration.field), code


def _items(declaration: _Declaration, value: Mapping[str, object]) -> Iterator[tuple[Path, object]]:
    if declaration.items is None:
        yield (), value
        return
    items = value.get(declaration.items)
    if isinstance(items, tuple):
        yield from (((declaration.items, index), item) for index, item in enumerate(items))


def _file_names(raw: Mapping[str, object]) -> Iterator[Finding]:
    for file, value in raw.items():
        name = PurePosixPath(file)
        code = value.get("code") if isinstance(value, Mapping) else None
        if str(name.parent) in FOLDERS and isinstance(code, str) and code != name.stem:
            yield Finding(file, ("code",), f'the file of "{code}" must be named {code}.yml')


def _unknown(declared: _Declared, noun: str, code: str, file: str, path: Path) -> Iterator[Finding]:
    if code not in declared[noun]:
        yield Finding(file, path, f'there is no {noun} "{code}"')


def _repeated(file: str, items: str, keys: list[str]) -> Iterator[Finding]:
    for index, key in enumerate(keys):
        if key in keys[:index]:
            yield Finding(file, (items, index), f'"{key}" is already given in {items}[{keys.index(key)}]')


def _organisation(file: str, document: OrganisationDocument, declared: _Declared) -> Iterator[Finding]:
    if document.parent is not None:
        yield from _unknown(declared, "organisation", document.parent, file, ("parent",))
    lines = [f"{line.fiscal_year}/{line.purpose}/{line.payer}" for line in document.budget_lines]
    yield from _repeated(file, "budget_lines", lines)
    filings = [f"{filing.year}/{filing.officer}" for filing in document.officer_filings]
    yield from _repeated(file, "officer_filings", filings)
    current = [n for n, filing in enumerate(document.officer_filings) if filing.status == "current"]
    for index in current[1:]:
        yield Finding(
            file, ("officer_filings", index, "status"), "only one filing of an organisation can be current"
        )
    officers = {person.username for person in document.people if "information_officer" in person.roles}
    for index, filing in enumerate(document.officer_filings):
        path: Path = ("officer_filings", index, "officer")
        if filing.officer not in declared["person"]:
            yield from _unknown(declared, "person", filing.officer, file, path)
        elif filing.officer not in officers and filing.status == "current":
            yield Finding(file, path, f'"{filing.officer}" is not an information officer of {document.code}')


def _systems(file: str, document: SystemsDocument, declared: _Declared) -> Iterator[Finding]:
    for index, system in enumerate(document.systems):
        path: Path = ("systems", index)
        yield from _unknown(declared, "organisation", system.department, file, (*path, "department"))
        if system.target is not None:
            yield from _unknown(declared, "pool", system.target.pool, file, (*path, "target", "pool"))
        for position, code in enumerate(system.depends):
            yield from _unknown(declared, "system", code, file, (*path, "depends", position))
            if code == system.code:
                yield Finding(file, (*path, "depends", position), "a system cannot depend on itself")


def _prices(
    file: str, catalogue: PriceCatalogueDocument, declared: _Declared, documents: Mapping[str, Document]
) -> Iterator[Finding]:
    sku_lists = _valid(documents, SkusDocument)
    billing = {sku.code: sku.billing for _, document in sku_lists for sku in document.skus}
    for index, price in enumerate(catalogue.prices):
        path: Path = ("prices", index)
        yield from _unknown(declared, "SKU", price.sku, file, (*path, "sku"))
        is_percent = billing.get(price.sku) == "percent_of_spec"
        if price.sku in billing and is_percent != (price.percent is not None):
            needed = "percent_of_spec" if is_percent else "price"
            yield Finding(file, path, f'"{price.sku}" is billed {billing[price.sku]}: give {needed}')


def _periods(catalogues: list[tuple[str, PriceCatalogueDocument]]) -> list[Finding]:
    """Refuse days with two prices, and days between two catalogues with none (rule R-30)."""
    findings = []
    in_order = sorted(catalogues, key=lambda pair: (pair[1].valid_from, pair[0]))
    for (_, earlier), (file, later) in pairwise(in_order):
        if earlier.valid_to is None or earlier.valid_to > later.valid_from:
            message = f"the days of {later.code} overlap those of {earlier.code}"
        elif earlier.valid_to < later.valid_from:
            message = f"no catalogue covers the days from {earlier.valid_to} to {later.valid_from}"
        else:
            continue
        findings.append(Finding(file, ("valid_from",), message))
    return findings


def _parents(documents: Mapping[str, Document]) -> list[Finding]:
    """Refuse an organisation that is its own ancestor."""
    by_code = {document.code: (file, document) for file, document in _valid(documents, OrganisationDocument)}
    findings = []
    for code, (file, document) in by_code.items():
        ancestors, parent = {code}, document.parent
        while parent in by_code and parent not in ancestors:
            ancestors.add(parent)
            parent = by_code[parent][1].parent
        if parent == code:
            findings.append(Finding(file, ("parent",), f"{code} is its own ancestor"))
    return findings
