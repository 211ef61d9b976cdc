"""SKUs and prices as the flat rows of the content files: read them, write them."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from sqlmodel import Session, select

from orchestrator.catalogue.models import PriceCatalogue, Sku, SkuPrice

Row = Mapping[str, Any]


def read(session: Session) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Every row of this package that is in force now."""
    for sku in session.exec(select(Sku)):
        yield ("sku", sku.code), sku.model_dump(exclude={"code"})
    for catalogue in session.exec(select(PriceCatalogue)):
        names = catalogue.model_dump(include={"name_zh", "name_en"})
        until = catalogue.valid_to.isoformat() if catalogue.valid_to else None
        days = {"valid_from": catalogue.valid_from.isoformat(), "valid_to": until}
        yield ("price_catalogue", catalogue.code), names | days
    for price in session.exec(select(SkuPrice)):
        yield ("sku_price", f"{price.catalogue_code}/{price.sku_code}"), price.model_dump()


def write(session: Session, kind: str, key: str, row: Row | None) -> None:
    """Make one row be as `row` says; None removes it."""
    if kind == "sku":
        _put(session, Sku, key, {"code": key}, row)
    elif kind == "price_catalogue":
        _put(session, PriceCatalogue, key, {"code": key}, _with_days(row))
    else:
        catalogue, sku = key.split("/")
        _put(session, SkuPrice, (catalogue, sku), {"catalogue_code": catalogue, "sku_code": sku}, row)
    session.flush()


def _with_days(row: Row | None) -> Row | None:
    if row is None:
        return None
    until = date.fromisoformat(row["valid_to"]) if row["valid_to"] else None
    return {**row, "valid_from": date.fromisoformat(row["valid_from"]), "valid_to": until}


def _put(session: Session, table: type[Any], key: Any, identity: Row, row: Row | None) -> None:
    found = session.get(table, key)
    if row is None:
        session.delete(found)
        return
    found = found or table(**{**row, **identity})
    for name, value in row.items():
        setattr(found, name, value)
    session.add(found)


KINDS = ("sku", "price_catalogue", "sku_price")
