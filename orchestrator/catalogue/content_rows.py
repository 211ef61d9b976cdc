"""SKUs and prices as flat rows of the content files."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from sqlmodel import Session, select

from orchestrator.catalogue.models import PriceCatalogue, Sku, SkuPrice

Row = Mapping[str, Any]


def read(session: Session) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Return every row of this package in force."""
    for sku in session.exec(select(Sku)):
        yield ("sku", sku.code), sku.model_dump(exclude={"code"})
    for catalogue in session.exec(select(PriceCatalogue)):
        names = catalogue.model_dump(include={"name_zh", "name_en"})
        until = catalogue.valid_to.isoformat() if catalogue.valid_to else None
        days = {"valid_from": catalogue.valid_from.isoformat(), "valid_to": until}
        yield ("price_catalogue", catalogue.code), names | days
    for price in session.exec(select(SkuPrice)):
        yield ("sku_price", f"{price.catalogue_code}/{price.sku_code}"), _price_row(price)


def write(session: Session, kind: str, key: str, row: Row | None) -> None:
    """Write one row, or remove it if `row` is None."""
    if kind == "sku":
        _put(session, Sku, key, {"code": key}, row)
    elif kind == "price_catalogue":
        _put(session, PriceCatalogue, key, {"code": key}, _with_days(row))
    else:
        catalogue, sku = key.split("/")
        identity = {"catalogue_code": catalogue, "sku_code": sku}
        _put(session, SkuPrice, (catalogue, sku), identity, _with_tiers(row))
    session.flush()


def _with_days(row: Row | None) -> Row | None:
    if row is None:
        return None
    until = date.fromisoformat(row["valid_to"]) if row["valid_to"] else None
    return {**row, "valid_from": date.fromisoformat(row["valid_from"]), "valid_to": until}


def _price_row(price: SkuPrice) -> dict[str, Any]:
    row = price.model_dump()
    if row["suspended_percent"] is None:
        del row["suspended_percent"]
    tiers = row.pop("tiers")
    if tiers:
        row["tiers"] = [f"{tier['up_to'] or ''}={tier['price_fen']}" for tier in tiers]
    return row


def _with_tiers(row: Row | None) -> Row | None:
    if row is None:
        return None
    pairs = [text.split("=") for text in row.get("tiers", ())]
    tiers = [{"up_to": int(limit) if limit else None, "price_fen": int(fen)} for limit, fen in pairs]
    return {"suspended_percent": None, **row, "tiers": tiers or None}


def _put(session: Session, table: type[Any], key: Any, identity: Row, row: Row | None) -> None:
    stored = session.get(table, key)
    if row is None:
        session.delete(stored)
        return
    stored = stored or table(**{**row, **identity})
    for name, value in row.items():
        setattr(stored, name, value)
    session.add(stored)


KINDS = ("sku", "price_catalogue", "sku_price")
