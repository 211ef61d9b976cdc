import re
from collections.abc import Mapping
from typing import Any

import pytest
from jinja2 import Environment
from starlette.requests import Request

from orchestrator.console.frame.render import environment, render
from orchestrator.console.frame.rooms import CONSOLE_DIR, rooms
from orchestrator.departments.permissions import Role
from tests.loops import at_least_one
from tests.unit.console import sample_objects, sample_pages

CHINESE = re.compile(r"[\u3400-\u9fff\uff00-\uffef\u3000-\u303f]")
LANGUAGES = ("zh", "en")


def get(path: str = "/console/", query: str = "", cookie: str = "") -> Request:
    headers = [(b"host", b"testserver"), *([(b"cookie", cookie.encode())] if cookie else [])]
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": query.encode(),
            "headers": headers,
            "server": ("testserver", 80),
            "scheme": "http",
        }
    )


def page(name: str, language: str = "zh", *roles: Role) -> str:
    template, context = sample_pages.PAGES[name]
    request = get(query=f"lang={language}")
    if name != "sign_in":
        request.state.frame = sample_objects.frame(*roles)
    return bytes(render(request, template, **context).body).decode()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", sample_pages.PAGES)
def test_what_people_typed_reaches_a_page_as_text(name: str, language: str) -> None:
    html = page(name, language)
    assert "<script>alert" not in html


@pytest.mark.parametrize("name", sample_pages.PAGES)
def test_a_page_carries_nothing_that_the_content_policy_forbids(name: str) -> None:
    html = page(name)
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert not re.search(r"<style\b|\sstyle=|\son[a-z]+=|javascript:", html)
    assert not re.search(r"hx-on|hx-vals=.js:|hx-vars", html)
    assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", html)


@pytest.mark.parametrize("name", sample_pages.PAGES)
def test_every_form_that_writes_is_a_plain_post_to_the_console(name: str) -> None:
    forms = re.findall(r"<form[^>]*>", page(name))
    writing = [form for form in forms if 'method="get"' not in form]
    assert all(re.search(r'method="post" action="/console/', form) for form in writing)


FORM = re.compile(r"<form\b(?P<head>[^>]*)>(?P<body>.*?)</form>", re.DOTALL)
FIELD = re.compile(r"""<textarea|<select|<input(?![^>]*type="hidden")|\bfield\(|{% include|{% for""")
HARMLESS = re.compile(r"""\s*{{ enter_(does_nothing\(\)|presses\("act", "save", )""")
"""How a form begins whose first button, which Enter in a field presses, saves or does nothing."""


def test_enter_in_a_form_that_writes_saves_or_does_nothing() -> None:
    forms = [
        (path.name, form)
        for path in sorted(CONSOLE_DIR.rglob("*.html"))
        for form in FORM.finditer(path.read_text(encoding="utf-8"))
    ]
    for name, form in at_least_one(forms):
        searches = 'method="get"' in form["head"]
        signs_in = 'action="/console/sign-in"' in form["head"]
        if not searches and not signs_in and FIELD.search(form["body"]):
            assert HARMLESS.match(form["body"]), f"{name}: {form['head']}"


def test_no_template_holds_a_chinese_word_that_cannot_be_translated() -> None:
    env = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    for path in at_least_one(sorted(CONSOLE_DIR.rglob("*.html"))):
        for _line, kind, text in at_least_one(env.lex(path.read_text(encoding="utf-8"))):
            if kind == "data":
                left = text.replace(">中文<", "")
                assert not CHINESE.search(left), f"{path.name}: {left.strip()[:40]}"


def test_the_shown_digest_is_sent() -> None:
    html = page("plan")
    assert html.count(f'name="digest" value="{sample_objects.DIGEST}"') == 1
    assert f'<code class="digest digest-big">{sample_objects.DIGEST}</code>' in html


def test_a_blocked_act_shows_its_reason_and_no_button() -> None:
    html = page("plan")
    assert "还缺一项批准" in html
    assert "/console/plans/PLAN-2019-0012/apply" not in html


def test_the_menu_shows_only_what_a_role_may_open() -> None:
    clerk = page("home", "zh", Role.DEPARTMENT_CLERK)
    assert "/console/requests" in clerk
    assert "/console/approvals" not in clerk
    assert "/console/audit" not in clerk
    assert "/console/audit" in page("home", "zh", Role.AUDITOR)


@pytest.mark.parametrize(
    ("query", "cookie", "setting", "expected"),
    [
        ("", "", "zh", "zh-CN"),
        ("", "", "en", "en"),
        ("", "language=zh", "en", "zh-CN"),
        ("lang=en", "language=zh", "zh", "en"),
        ("lang=fr", "", "zh", "zh-CN"),
    ],
)
def test_the_address_beats_the_cookie_and_the_cookie_the_persons_setting(
    query: str, cookie: str, setting: str, expected: str
) -> None:
    request = get(query=query, cookie=cookie)
    request.state.frame = sample_objects.frame(language=setting)
    template, context = sample_pages.PAGES["home"]
    response = render(request, template, **context)
    assert f'<html lang="{expected}">' in bytes(response.body).decode()
    assert ("set-cookie" in response.headers) == (query == "lang=en")


def test_a_missing_value_is_an_error_and_not_an_empty_page() -> None:
    context: Mapping[str, Any] = {}
    with pytest.raises(Exception, match="page"):
        render(get(), "home/page.html", **context)


def test_english_has_its_own_words_for_statuses() -> None:
    template = environment("en").from_string("{{ code | word('request') }}")
    assert template.render(code="awaiting_endorsement") == "Awaiting endorsement"
    assert template.render(code="<b>") == "&lt;b&gt;"


def test_every_room_belongs_to_the_console_and_has_its_place_in_the_menu() -> None:
    names = {room.__name__.split(".")[2] for room in rooms()}
    assert names == {path.parent.name for path in CONSOLE_DIR.glob("*/pages.py")}
    places = [room.MENU.place for room in rooms() if hasattr(room, "MENU")]
    assert len(places) == len(set(places)) == 10
