"""The page of a version of the price list."""

from fastapi import APIRouter, Response

from orchestrator.catalogue import queries
from orchestrator.catalogue.models import Sku, SkuBilling, SkuPrice
from orchestrator.console.frame.render import money
from orchestrator.console.frame.visit import TheVisit, Visit
from orchestrator.console.prices.views import PriceList, PriceRow
from orchestrator.console.words.i18n import N_
from orchestrator.core.errors import NotFound
from orchestrator.departments.permissions import Permission, require

router = APIRouter(prefix="/console/prices", include_in_schema=False)

OF_SPEC = N_("规格价的 %(percent)s%%")
UP_TO = N_("至 %(up_to)s：%(price)s")
ABOVE = N_("以上：%(price)s")


@router.get("/{code}")
def show_prices(code: str, visit: TheVisit) -> Response:
    """Show the prices of one version, whether it is in force today or not."""
    require(visit.actor, Permission.REQUESTS_READ)
    catalogue = queries.catalogue(visit.session, code)
    if catalogue is None:
        raise NotFound
    page = PriceList(
        code=catalogue.code,
        name=visit.pick(catalogue.name_zh, catalogue.name_en),
        starts=catalogue.valid_from,
        ends=catalogue.valid_to,
        rows=tuple(_row(visit, *priced) for priced in queries.priced_skus(visit.session, code)),
    )
    return visit.show("prices/list.html", page)


def _row(visit: Visit, sku: Sku, price: SkuPrice) -> PriceRow:
    suspended = 100 if price.suspended_percent is None else price.suspended_percent
    return PriceRow(
        sku=sku.code,
        name=visit.pick(sku.name_zh, sku.name_en),
        unit=visit.word(sku.unit, "unit"),
        price=_price(visit, price),
        suspended="—" if sku.billing == SkuBilling.ONE_OFF else f"{suspended}%",
    )


def _price(visit: Visit, price: SkuPrice) -> str:
    if price.price_fen is not None:
        return money(price.price_fen)
    if price.percent is not None:
        return visit.say(OF_SPEC, percent=price.percent)
    return " · ".join(
        visit.say(ABOVE if tier["up_to"] is None else UP_TO, **tier, price=money(tier["price_fen"]))
        for tier in price.tiers or ()
    )
