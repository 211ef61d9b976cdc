"""The picture of the rooms in docs/architecture.md shows the packages and import rules of this checkout."""

from tests.architecture.conftest import Checkout
from tools import draw_rooms


def test_the_picture_of_the_rooms_is_current(checkout: Checkout) -> None:
    picture = (checkout.root / draw_rooms.PICTURE).read_text(encoding="utf-8")
    assert picture == draw_rooms.drawing(checkout.root), "Run: python3 tools/draw_rooms.py"
