from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.console.render import clock, day, moment, money
from orchestrator.console.request_form import (
    LINE_FIELDS,
    MOST_LINES,
    LineForm,
    RequestForm,
    apply_edit,
    read_form,
)
from orchestrator.console.views.common import Pager, QuotaBar
from orchestrator.console.views.plans import AttributeDiff
from orchestrator.console.views.requests import path_of

texts = st.text(max_size=20).map(str.strip)
lines = st.builds(LineForm, **dict.fromkeys(LINE_FIELDS, texts))
forms = st.builds(
    RequestForm,
    system=texts,
    zone_class=texts,
    justification=texts,
    lines=st.lists(lines, min_size=1, max_size=MOST_LINES).map(tuple),
)


@pytest.mark.parametrize(
    ("fen", "shown"),
    [
        (101600, "¥1,016.00"),
        (5, "¥0.05"),
        (0, "¥0.00"),
        (-12345, "-¥123.45"),
        (None, "—"),
        (10**12, "¥10,000,000,000.00"),
    ],
)
def test_fen_are_shown_as_yuan_to_the_fen(fen: int | None, shown: str) -> None:
    assert money(fen) == shown


def test_times_are_shown_in_the_citys_zone() -> None:
    late = datetime(2019, 6, 18, 16, 30, 5, tzinfo=UTC)
    assert (moment(late), day(late), clock(late)) == ("2019-06-19 00:30", "2019-06-19", "00:30:05")
    assert (moment(None), day(None), day(date(2019, 6, 1))) == ("—", "—", "2019-06-01")


@given(forms)
def test_a_form_comes_back_exactly_as_it_was_typed(form: RequestForm) -> None:
    sent: dict[str, object] = {
        "system": form.system,
        "zone_class": form.zone_class,
        "justification": form.justification,
    }
    for i, line in enumerate(form.lines):
        sent |= {f"lines-{i}-{name}": getattr(line, name) for name in LINE_FIELDS}
    assert read_form(sent) == form


def test_a_line_can_be_added_and_removed_but_the_last_one_stays() -> None:
    form = RequestForm(lines=(LineForm(label="a", vcpu="8"),))
    two = apply_edit(form, "add-line")
    assert [(line.label, line.vcpu) for line in two.lines] == [("a", "8"), ("", "8")]
    assert apply_edit(two, "remove-line-1") == form
    assert apply_edit(form, "remove-line-0") == form
    assert apply_edit(two, "remove-line-x") == two
    assert apply_edit(two, "send") == two


def test_no_more_lines_are_added_than_a_form_may_have() -> None:
    form = RequestForm(lines=(LineForm(),) * MOST_LINES)
    assert apply_edit(form, "add-line") == form


def test_a_removed_line_leaves_no_gap_in_what_is_read() -> None:
    assert len(read_form({"lines-0-vcpu": "1", "lines-2-vcpu": "2"}).lines) == 2


def test_page_numbers_have_gaps_where_pages_are_left_out() -> None:
    assert Pager(total=400, page=10).near == (1, 0, 8, 9, 10, 11, 12, 0, 20)
    assert Pager(total=0).near == (1,)
    assert Pager(total=21).pages == 2


def test_a_bar_is_full_from_nine_tenths_and_never_longer_than_its_box() -> None:
    assert not QuotaBar("vcpu", 100, 80, 9).is_short
    assert QuotaBar("vcpu", 100, 80, 9, 1).is_short
    assert QuotaBar("vcpu", 10, 12, 0).share(12) == 100.0
    assert QuotaBar("vcpu", 0, 0, 0).share(0) == 0.0


def test_a_stopped_request_ends_its_path_with_its_own_status() -> None:
    assert path_of("refused", {"draft", "submitted"}) == (
        ("draft", "done"),
        ("submitted", "done"),
        ("refused", "stopped"),
    )
    assert path_of("fulfilled", set())[-1] == ("fulfilled", "done")
    assert path_of("draft", set())[:2] == (("draft", "now"), ("awaiting_endorsement", "todo"))


@pytest.mark.parametrize(
    ("before", "after", "unknown", "effect"),
    [
        (None, "1", False, "create"),
        ("1", "2", False, "update"),
        ("1", None, False, "delete"),
        ("1", "1", False, ""),
        ("1", None, True, "update"),
        (None, None, True, "create"),
    ],
)
def test_an_attribute_says_how_it_changes(
    before: str | None, after: str | None, unknown: bool, effect: str
) -> None:
    assert AttributeDiff("x", before, after, unknown).effect == effect
