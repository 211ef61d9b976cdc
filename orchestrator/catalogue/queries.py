"""Reads of the catalogue."""

from collections.abc import Collection, Sequence
from datetime import date

from sqlmodel import Session, col, or_, select

from orchestrator.catalogue.models import PriceCatalogue, Sku, SkuPrice


def catalogue_on(session: Session, day: date) -> PriceCatalogue | None:
    """Return the price list in force on `day`, or None."""
    in_force = or_(col(PriceCatalogue.valid_to).is_(None), col(PriceCatalogue.valid_to) > day)
    return session.exec(
        select(PriceCatalogue).where(PriceCatalogue.valid_from <= day, in_force)
    ).one_or_none()


def catalogue(session: Session, code: str) -> PriceCatalogue | None:
    """Return the version of the price list with this code, or None."""
    return session.get(PriceCatalogue, code)


def priced_skus(session: Session, catalogue_code: str) -> Sequence[tuple[Sku, SkuPrice]]:
    """Return every SKU of one price list with its price, by group and code."""
    statement = (
        select(Sku, SkuPrice)
        .join(SkuPrice, col(SkuPrice.sku_code) == col(Sku.code))
        .where(SkuPrice.catalogue_code == catalogue_code)
        .order_by(Sku.product_group, Sku.code)
    )
    return [(sku, price) for sku, price in session.exec(statement)]


def billing_of(session: Session, skus: Collection[str]) -> dict[str, str]:
    """Return how each of `skus` is billed, without those that do not exist."""
    rows = session.exec(select(Sku.code, Sku.billing).where(col(Sku.code).in_(skus)))
    return dict(rows.all())


def skus(session: Session) -> Sequence[Sku]:
    """Return every SKU, by code."""
    return session.exec(select(Sku).order_by(Sku.code)).all()
