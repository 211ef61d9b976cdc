"""The content files as one value, with their flat rows and a digest."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import date
from types import MappingProxyType

from orchestrator.content.documents import (
    RESOURCE_CLASSES,
    OrganisationDocument,
    PriceCatalogueDocument,
    QuotaRules,
    ResourcePoolDocument,
    SkuDocument,
    SystemDocument,
)
from orchestrator.core.documents import Document

Scalar = str | int | bool | None | tuple[str, ...]
"""The value of a field in a row: a date is ISO text, an amount is whole fen, a list is a tuple of texts."""

RowKey = tuple[str, str]
"""Kind and key of a row, such as ``("quota", "SLJ/production/vcpu")``."""

Row = Mapping[str, Scalar]
Rows = Mapping[RowKey, Row]

ROW_KINDS = (
    "organisation",
    "access_link",
    "person",
    "role_grant",
    "officer_filing",
    "quota",
    "budget_line",
    "resource_pool",
    "sku",
    "price_catalogue",
    "sku_price",
    "system",
)
"""Every kind of row, in writing order: a referenced kind comes before the kinds that refer to it."""

_Pair = tuple[RowKey, dict[str, Scalar]]


class ContentBundle(Document):
    """All valid documents of the content files, each list sorted by code."""

    organisations: tuple[OrganisationDocument, ...]
    systems: tuple[SystemDocument, ...]
    skus: tuple[SkuDocument, ...]
    price_catalogues: tuple[PriceCatalogueDocument, ...]
    resource_pools: tuple[ResourcePoolDocument, ...]
    quota_rules: QuotaRules

    def rows(self) -> Rows:
        """Return the flat rows, ordered by kind as in ``ROW_KINDS`` and then by key."""
        pairs = [
            *(pair for document in self.organisations for pair in _organisation(document, self.quota_rules)),
            *map(_system, self.systems),
            *map(_sku, self.skus),
            *(pair for document in self.price_catalogues for pair in _catalogue(document)),
            *map(_pool, self.resource_pools),
        ]
        return MappingProxyType(dict(sorted(pairs, key=lambda pair: row_order(pair[0]))))

    @property
    def digest(self) -> str:
        """The SHA-256 of the rows; comments and layout of the files do not count."""
        plain = [[*key, dict(row)] for key, row in self.rows().items()]
        text = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def row_order(key: RowKey) -> tuple[int, str, str]:
    """Return the sort key of a row: kinds in writing order, unknown kinds last, then the key."""
    kind, name = key
    return (ROW_KINDS.index(kind) if kind in ROW_KINDS else len(ROW_KINDS), kind, name)


def _scalar(value: object) -> Scalar:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return tuple(str(item) for item in value)
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"a row cannot hold a {type(value).__name__}")


def _fields(document: Document, *names: str) -> dict[str, Scalar]:
    return {name: _scalar(getattr(document, name)) for name in names}


def _organisation(document: OrganisationDocument, rules: QuotaRules) -> Iterator[_Pair]:
    code = document.code
    own: dict[str, Scalar] = {"organisation_code": code}
    names = _fields(document, "name_zh", "name_en", "kind")
    yield ("organisation", code), {**names, "parent_code": document.parent}
    if document.access_link is not None:
        yield ("access_link", code), own | _fields(document.access_link, "mbps")
    for line in document.budget_lines:
        key = f"{code}/{line.fiscal_year}/{line.purpose}/{line.payer}"
        yield ("budget_line", key), own | _fields(line, "fiscal_year", "purpose", "payer", "appropriated_fen")
    for filing in document.officer_filings:
        row = own | {"username": filing.officer} | _fields(filing, "year", "filed_on", "status")
        yield ("officer_filing", f"{code}/{filing.year}/{filing.officer}"), row
    yield from _people(document)
    yield from _quotas(document, rules)


def _people(document: OrganisationDocument) -> Iterator[_Pair]:
    for person in document.people:
        names = _fields(person, "name_zh", "name_en")
        yield ("person", person.username), {**names, "organisation_code": document.code}
        for role in person.roles:
            grant: dict[str, Scalar] = {"username": person.username, "role": role}
            yield ("role_grant", f"{person.username}/{role}"), grant | {"valid_from": _scalar(person.since)}


def _quotas(document: OrganisationDocument, rules: QuotaRules) -> Iterator[_Pair]:
    if document.quota is None:
        return
    for name in RESOURCE_CLASSES:
        limits = {"production": document.quota.of(name), "trial": rules.trial_limit(document.quota, name)}
        for zone_class, amount in limits.items():
            row: dict[str, Scalar] = {"organisation_code": document.code, "zone_class": zone_class}
            key = f"{document.code}/{zone_class}/{name}"
            yield ("quota", key), row | {"resource_class": name, "amount": amount}


def _system(document: SystemDocument) -> _Pair:
    plain = set(SystemDocument.model_fields) - {"code", "department", "source", "target"}
    row = {"organisation_code": document.department} | _fields(document, *sorted(plain))
    row |= {f"source_{name}": value for name, value in document.source.model_dump().items()}
    if document.target is not None:
        row |= {f"target_{name}": value for name, value in document.target.model_dump().items()}
    return ("system", document.code), row


def _sku(document: SkuDocument) -> _Pair:
    plain = set(SkuDocument.model_fields) - {"code"}
    return ("sku", document.code), _fields(document, *sorted(plain))


def _catalogue(document: PriceCatalogueDocument) -> Iterator[_Pair]:
    code = document.code
    yield ("price_catalogue", code), _fields(document, "name_zh", "name_en", "valid_from", "valid_to")
    for price in document.prices:
        row: dict[str, Scalar] = {"catalogue_code": code, "sku_code": price.sku}
        row |= _fields(price, "price_fen", "percent")
        # Optional terms are left out when absent: adding one later changes only the rows that have it.
        if price.suspended_percent is not None:
            row["suspended_percent"] = price.suspended_percent
        if price.tiers:
            row["tiers"] = tuple(f"{tier.up_to or ''}={tier.price_fen}" for tier in price.tiers)
        yield ("sku_price", f"{code}/{price.sku}"), row


def _pool(document: ResourcePoolDocument) -> _Pair:
    plain = set(ResourcePoolDocument.model_fields) - {"code", "capacity"}
    capacity = {name: document.capacity.of(name) for name in RESOURCE_CLASSES}
    return ("resource_pool", document.code), _fields(document, *sorted(plain)) | capacity
