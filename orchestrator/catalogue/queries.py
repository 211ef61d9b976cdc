"""Reads of the catalogue."""

from collections.abc import Sequence
from datetime import date

from sqlmodel import Session, col, or_, select

from orchestrator.catalogue.models import PriceCatalogue, Sku, SkuPrice


def catalogue_on(session: Session, day: date) -> PriceCatalogue | None:
    """The price list in force on `day`, or None where there is none."""
    in_force = or_(col(PriceCatalogue.valid_to).is_(None), col(PriceCatalogue.valid_to) > day)
    return session.exec(
        select(PriceCatalogue).where(PriceCatalogue.valid_from <= day, in_force)
    ).one_or_none()


def priced_skus(session: Session, catalogue_code: str) -> Sequence[tuple[Sku, SkuPrice]]:
    """Every SKU of one price list with its price, by group and code."""
    statement = (
        select(Sku, SkuPrice)
        .join(SkuPrice, col(SkuPrice.sku_code) == col(Sku.code))
        .where(SkuPrice.catalogue_code == catalogue_code)
        .order_by(Sku.product_group, Sku.code)
    )
    return [(sku, price) for sku, price in session.exec(statement)]


def price_periods(session: Session) -> Sequence[tuple[str, date, date | None]]:
    """SKU and the days ``[since, until)`` on which it has a price, one row a price list."""
    statement = select(SkuPrice, PriceCatalogue).join(
        PriceCatalogue, col(PriceCatalogue.code) == col(SkuPrice.catalogue_code)
    )
    return [
        (price.sku_code, price_list.valid_from, price_list.valid_to)
        for price, price_list in session.exec(statement)
    ]
