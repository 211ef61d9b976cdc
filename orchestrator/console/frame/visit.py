"""One person looking at one page: who, in which language, with which transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Form, Request
from sqlmodel import Session
from starlette.responses import HTMLResponse, RedirectResponse, Response

from orchestrator.api.deps import Service, TheActor, TheService, TheSession
from orchestrator.console.frame.render import render, wants_part
from orchestrator.console.frame.views import Frame
from orchestrator.console.words import labels
from orchestrator.console.words.i18n import N_, Language, choose_language, translations
from orchestrator.console.words.names import Names
from orchestrator.core.clock import now
from orchestrator.core.errors import BadInput, BusinessError
from orchestrator.departments.permissions import Actor
from orchestrator.workflows import to_do

SEE_OTHER = 303


class ReasonNeeded(BadInput):
    """Write a comment: the other side has to know why."""

    zh = N_("请填写意见")


@dataclass(frozen=True)
class Visit:
    """What every page works with."""

    request: Request
    session: Session
    actor: Actor
    service: Service
    language: Language
    names: Names

    def say(self, text: str, **values: object) -> str:
        """A text that was marked by N_, in the reader's language."""
        spoken = translations(self.language).gettext(text)
        return spoken % values if values else spoken

    def word(self, code: str, kind: str) -> str:
        """The word for a code."""
        return self.say(labels.word(code, kind)) if code else ""

    def pick(self, zh: str | None, en: str | None) -> str:
        """The one of two stored texts that the reader understands."""
        return (zh if self.language == "zh" else en) or en or zh or ""

    def show(
        self, template: str, page: Any, *, status: int = 200, parts: dict[str, str] | None = None
    ) -> HTMLResponse:
        """The page, or one of its `parts` (element id -> partial template) where htmx asked for it."""
        for target, partial in (parts or {}).items():
            if wants_part(self.request, target):
                template = partial
        return render(self.request, template, status=status, page=page)

    def on_refusal(self, again: Callable[["Visit", BusinessError], Response]) -> None:
        """Show the page again, with the reason, when what follows is refused and rolled back."""
        self.request.state.again = again


def open_visit(request: Request, session: Session, actor: Actor, service: Service) -> Visit:
    """The visit of a signed-in person; puts the frame around every page of this request."""
    language = choose_language(request, actor.language)
    names = Names(session, language)
    request.state.frame = Frame(
        actor=actor,
        organisation=names.organisation(actor.organisation),
        badges=to_do.counts(session, actor, service.pack),
        now=now(session),
    )
    return Visit(request, session, actor, service, language, names)


def the_visit(request: Request, session: TheSession, actor: TheActor, service: TheService) -> Visit:
    """FastAPI's way to a visit."""
    return open_visit(request, session, actor, service)


TheVisit = Annotated[Visit, Depends(the_visit)]
Version = Annotated[int | None, Form()]
Reason = Annotated[str, Form(max_length=2000)]


def need_reason(reason: str) -> str:
    """The reason that was typed.

    Raises:
        ReasonNeeded: nothing was typed.
    """
    if not reason.strip():
        raise ReasonNeeded(field="reason")
    return reason.strip()


def go(path: str, done: str = "") -> RedirectResponse:
    """To another page of the console, which says what was `done`."""
    return RedirectResponse(f"{path}?{urlencode({'done': done})}" if done else path, SEE_OTHER)


def words_of(error: BusinessError, language: Language) -> str:
    """Why something was refused, for the reader: the rule's own words where a rule refused."""
    detail = str(error.extra.get("detail_zh", ""))
    if language == "en":
        return error.detail
    return f"{error.zh}：{detail}" if detail else error.zh
