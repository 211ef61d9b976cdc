from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.console.frame.render import day, moment, money
from orchestrator.console.frame.views import QuotaBar
from orchestrator.console.plans.views import AttributeDiff
from orchestrator.console.requests.form import (
    HEAD_FIELDS,
    LINE_COUNT,
    LINE_NAMES,
    MESSAGES,
    LineForm,
    RequestForm,
    apply_edit,
    read_draft,
    read_form,
)
from orchestrator.console.requests.views import path_of
from orchestrator.resource_requests.drafting import MOST_LINES

texts = st.text(max_size=20).map(str.strip)
lines = st.builds(LineForm.of, **dict.fromkeys(LINE_NAMES, texts))
forms = st.builds(
    RequestForm,
    **(dict.fromkeys(HEAD_FIELDS, texts) | {"kind": st.sampled_from(["provision", "change", "x"])}),
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
    assert (moment(late), day(late)) == ("2019-06-19 00:30", "2019-06-19")
    assert (moment(None), day(None), day(date(2019, 6, 1))) == ("—", "—", "2019-06-01")


def sent_by(form: RequestForm) -> dict[str, object]:
    """The fields that the page of a form sends."""
    sent: dict[str, object] = {name: getattr(form, name) for name in HEAD_FIELDS}
    for i, line in enumerate(form.lines):
        sent |= {f"lines-{i}-{name}": line[name] for name in LINE_NAMES}
    return sent | {LINE_COUNT: str(len(form.lines))}


@given(forms)
def test_a_form_comes_back_exactly_as_it_was_typed(form: RequestForm) -> None:
    assert read_form(sent_by(form)) == form


def test_a_line_can_be_added_and_removed_but_the_last_one_stays() -> None:
    form = RequestForm(lines=(LineForm.of(label="a", vcpu="8"),))
    two = apply_edit(form, "add-line")
    assert [(line["label"], line["vcpu"]) for line in two.lines] == [("a", "8"), ("", "8")]
    assert [line["key"] for line in two.lines] == ["web", "host2"]
    assert apply_edit(two, "remove-line-1") == form
    assert apply_edit(form, "remove-line-0") == form
    assert apply_edit(two, "remove-line-x") == two
    assert apply_edit(two, "remove-line-" + "9" * 5000) == two
    assert apply_edit(two, "send") == two


def test_no_more_lines_are_added_than_a_form_may_have() -> None:
    form = RequestForm(lines=(LineForm.of(),) * MOST_LINES)
    assert apply_edit(form, "add-line") == form


def test_an_added_line_gets_a_key_that_no_other_line_has() -> None:
    form = RequestForm(lines=(LineForm.of(), LineForm.of(key="host2"), LineForm.of(key="host3")))
    left = apply_edit(form, "remove-line-1")
    assert [line["key"] for line in apply_edit(left, "add-line").lines] == ["web", "host3", "host4"]


TWO = RequestForm(title="t", justification="j", lines=(LineForm.of(), LineForm.of(key="db", HSS="yes")))


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({"lines-0-ports": None}, ("lines-0-ports",)),
        ({"lines-1-backup_gb": None, "system": None}, ("system", "lines-1-backup_gb")),
        ({f"lines-1-{name}": None for name in LINE_NAMES}, ("lines-1",)),
        ({f"lines-0-{name}": None for name in LINE_NAMES}, ("lines-0",)),
        ({LINE_COUNT: None}, (LINE_COUNT,)),
        ({LINE_COUNT: "1"}, (LINE_COUNT,)),
        ({LINE_COUNT: "3"}, ("lines-2",)),
        ({LINE_COUNT: "9" * 5000}, (LINE_COUNT,)),
        ({"justification": None}, ("justification",)),
        ({"lines-0-HSS": None, "lines-1-LOG": None, "surplus": "x"}, ()),
    ],
)
def test_a_form_that_arrives_in_part_names_what_is_missing_and_is_no_draft(
    changed: dict[str, str | None], missing: tuple[str, ...]
) -> None:
    sent = {name: value for name, value in (sent_by(TWO) | changed).items() if value is not None}
    form = read_form(sent)
    assert form.missing == missing
    if missing:
        draft, errors = read_draft(form)
        text, limits = errors[""]
        assert draft is None
        assert all(name in text % limits for name in missing)


def test_a_form_of_more_lines_than_a_request_may_have_keeps_them_all_and_names_the_limit() -> None:
    lines = tuple(LineForm.of(key=f"h{n}", label="a", pool="EXT-X86") for n in range(MOST_LINES + 1))
    form = RequestForm(title="t", justification="j", lines=lines)
    assert read_form(sent_by(form)) == form
    draft, errors = read_draft(form)
    text, limits = errors["lines"]
    assert draft is None
    assert text % limits == f"共 {MOST_LINES + 1} 组云主机，一份申请最多 {MOST_LINES} 组。"
    whole, errors = read_draft(apply_edit(form, "remove-line-7"))
    assert errors == {}
    assert whole is not None
    assert len(whole.lines) == MOST_LINES


def test_a_typed_form_becomes_the_draft_it_means() -> None:
    line = LineForm.of(
        key="web", label="填报入口", pool="EXT-X86", ports="80，443、 8080", HSS="yes", backup_gb=""
    )
    draft, errors = read_draft(RequestForm(title="扩建", justification="汛期", lines=(line,)))
    assert errors == {}
    assert draft is not None
    assert draft.system is None
    assert draft.lines[0].ports == (80, 443, 8080)
    assert draft.lines[0].host_services == ("HSS",)
    assert (draft.lines[0].vcpu, draft.lines[0].backup_gb) == (4, 0)


def test_every_wrong_field_is_named_at_once_with_its_limit() -> None:
    wrong = LineForm.of(key="Web", label="a", pool="EXT-X86", vcpu="x", memory_gb="0", ports="80,99999,a")
    draft, errors = read_draft(RequestForm(lines=(wrong,)))
    assert draft is None
    assert set(errors) == {
        "title",
        "justification",
        *(f"lines-0-{name}" for name in ("key", "vcpu", "memory_gb", "ports")),
    }
    text, limits = errors["lines-0-memory_gb"]
    assert text % limits == "不能小于 1。"
    assert errors["lines-0-vcpu"][0] == "请填写整数。"


def test_a_repeated_port_is_reported_at_its_field() -> None:
    wrong = LineForm.of(key="web", label="a", pool="EXT-X86", ports="80, 80")
    draft, errors = read_draft(RequestForm(title="t", justification="j", lines=(wrong,)))
    assert draft is None
    assert {name: text for name, (text, _) in errors.items()} == {"lines-0-ports": MESSAGES["wrong_field"]}


def test_two_groups_with_one_key_are_refused_for_the_whole_form() -> None:
    line = LineForm.of(key="web", label="a", pool="EXT-X86")
    _, errors = read_draft(RequestForm(title="a", justification="b", lines=(line, line)))
    assert errors == {"": (MESSAGES["shared_key"], {"key": "web"})}


def test_what_is_wrong_with_the_whole_form_has_a_text_of_its_own() -> None:
    line = LineForm.of(key="web", label="a", pool="EXT-X86", count="200")
    form = RequestForm(title="a", justification="b", lines=(line, line.changed(key="db")))
    assert read_draft(form)[1] == {"": (MESSAGES["too_many_hosts"], {"most": 300, "hosts": 400})}
    change = replace(form, kind="change", lines=(line,))
    assert read_draft(change)[1] == {"": (MESSAGES["workspace_of_kind"], {})}


def test_a_release_has_no_lines() -> None:
    form = RequestForm(
        title="a", justification="b", kind="release", workspace="5b0c6d0e-3d7a-4f0b-9c55-0f5f9d9c4f32"
    )
    draft, errors = read_draft(form)
    assert errors == {}
    assert draft is not None
    assert draft.lines == ()


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
