"""Render a template and its view model as a page; every value is escaped unless one of our macros made it."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from typing import Any

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import HTMLResponse

from orchestrator.console.frame.menu import entries_for, is_current
from orchestrator.console.frame.rooms import CONSOLE_DIR
from orchestrator.console.frame.static import static_url
from orchestrator.console.frame.views import Frame
from orchestrator.console.words import labels, tones
from orchestrator.console.words.i18n import COOKIE, Language, asked_language, choose_language, translations
from orchestrator.core.clock import CITY
from orchestrator.workflows.nouns import NOUNS

A_YEAR_SECONDS = 31_536_000


def render(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Render `template` in the reader's language, with the menu of ``request.state.frame`` if it is set."""
    frame: Frame | None = getattr(request.state, "frame", None)
    language = choose_language(request, frame.actor.language if frame else None)
    page = environment(language).get_template(template)
    text = page.render(
        frame=frame,
        language=language,
        here=_Here(request),
        menu=_menu(frame, request.url.path),
        done=request.query_params.get("done", ""),
        **context,
    )
    response = HTMLResponse(text, status_code=status)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Cookie, HX-Request, HX-Target"
    if asked_language(request):
        response.set_cookie(COOKIE, language, max_age=A_YEAR_SECONDS, httponly=True, samesite="lax")
    return response


def wants_part(request: Request, target: str) -> bool:
    """Return True if htmx asks only for the part of the page with the id `target`."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-target") == target


def templates() -> BaseLoader:
    """Return the loader: ``requests/form.html`` is in `requests/templates`, ``base.html`` in `frame`."""
    rooms = {
        folder.parent.name: FileSystemLoader(folder) for folder in sorted(CONSOLE_DIR.glob("*/templates"))
    }
    return ChoiceLoader([rooms.pop("frame"), PrefixLoader(rooms)])


@cache
def environment(language: Language) -> Environment:
    """Return the templates with filters and texts of one language; an undefined name is an error."""
    env = Environment(
        loader=templates(),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    texts = translations(language)
    env.install_gettext_translations(texts, newstyle=True)  # type: ignore[attr-defined]
    env.policies["ext.i18n.trimmed"] = True

    def word(code: str, kind: str) -> str:
        chinese = labels.word(code, kind)
        return texts.gettext(chinese) if chinese else ""

    env.filters.update(money=money, moment=moment, day=day, grouped=grouped)

    def done_text(done: str) -> str:
        return _done_act(done, language) or (word(done, "done") if done in labels.WORDS["done"] else "")

    env.filters.update(word=word, tone=tones.tone, done_text=done_text)
    env.globals.update(static=static_url)
    return env


def _done_act(done: str, language: Language) -> str:
    """Return the text that follows an act, named as ``requests.accept``; empty for anything else."""
    path, _, name = done.partition(".")
    for noun in NOUNS:
        for act in noun.acts if noun.path == path else ():
            if act.name == name and act.done:
                return act.done.zh if language == "zh" else act.done.en
    return ""


def money(fen: int | None) -> str:
    """Format fen as yuan, e.g. ``¥1,016.00``; an unknown amount is a dash."""
    if fen is None:
        return "—"
    yuan, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}¥{yuan:,}.{rest:02d}"


def moment(instant: datetime | None) -> str:
    """Format an aware instant as date and minute in Asia/Shanghai."""
    return f"{instant.astimezone(CITY):%Y-%m-%d %H:%M}" if instant else "—"


def day(value: date | datetime | None) -> str:
    """Format a date, or the Asia/Shanghai date of an aware instant."""
    if value is None:
        return "—"
    return f"{value.astimezone(CITY) if isinstance(value, datetime) else value:%Y-%m-%d}"


def grouped(number: int) -> str:
    """Format a whole number with thousands separators."""
    return f"{number:,}"


class _Here:
    """Build the path of this page with some query parameters changed."""

    def __init__(self, request: Request) -> None:
        # A response to a POST has no address to return to, so its links lead to the home page.
        is_page = request.method == "GET"
        self._url: URL = request.url if is_page else request.url.replace(path="/console/", query="")
        self.path: str = request.url.path

    def __call__(self, **changes: str | int) -> str:
        url = self._url.include_query_params(**changes)
        return f"{url.path}?{url.query}"


def _menu(frame: Frame | None, path: str) -> tuple[Mapping[str, Any], ...]:
    if frame is None:
        return ()
    return tuple(
        {
            "label": entry.label,
            "path": entry.path,
            "count": frame.badges.get(entry.badge, 0),
            "current": is_current(entry, path),
        }
        for entry in entries_for(frame.actor)
    )
