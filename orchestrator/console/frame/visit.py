"""One request of a signed-in person: the actor, the language and the transaction."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request
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
from orchestrator.runs import queries as run_queries
from orchestrator.workflows import to_do_queries as to_do
from orchestrator.workflows.act import Call, Text
from orchestrator.workflows.nouns import NOUNS

SEE_OTHER = 303
LONGEST_VERSION = 9
SENT_TWICE = N_("字段 %(name)s 出现了两次，没有保存任何内容。")


@dataclass(frozen=True)
class Visit:
    """The request, transaction, actor, service and language that every page needs."""

    request: Request
    session: Session
    actor: Actor
    service: Service
    language: Language
    names: Names

    def say(self, text: str, **values: object) -> str:
        """Translate a text that was marked by N_."""
        spoken = translations(self.language).gettext(text)
        return spoken % values if values else spoken

    def word(self, code: str, kind: str) -> str:
        """Return the label of a code in the reader's language."""
        return self.say(labels.word(code, kind)) if code else ""

    def text(self, text: Text) -> str:
        """Return a text of an act in the reader's language."""
        return text.zh if self.language == "zh" else text.en

    def call(self, sent: Mapping[str, str], content: Any = None) -> Call:
        """Return the call of an act that a posted form describes."""
        return Call(
            session=self.session,
            actor=self.actor,
            pack=self.service.pack,
            cloud=self.service.settings.cloud,
            version=version_of(sent),
            reason=sent.get("reason", ""),
            digest=sent.get("digest", ""),
            content=content,
        )

    def pick(self, zh: str | None, en: str | None) -> str:
        """Return the stored text in the reader's language, or the other one if it is empty."""
        return (zh if self.language == "zh" else en) or en or zh or ""

    def show(
        self, template: str, page: Any, *, status: int = 200, parts: dict[str, str] | None = None
    ) -> HTMLResponse:
        """Render the page, or one of its `parts` (element id -> partial template) if htmx asks for it."""
        for target, partial in (parts or {}).items():
            if wants_part(self.request, target):
                template = partial
        return render(self.request, template, status=status, page=page)

    def on_refusal(self, again: Callable[["Visit", BusinessError], Response]) -> None:
        """Show the page again with the reason if the rest of this request is refused and rolled back."""
        self.request.state.again = again


def open_visit(request: Request, session: Session, actor: Actor, service: Service) -> Visit:
    """Return the visit of a signed-in person, and set the frame of the pages of this request."""
    language = choose_language(request, actor.language)
    names = Names(session, language)
    request.state.frame = Frame(
        actor=actor,
        organisation=names.organisation(actor.organisation),
        badges=_badges(session, actor, service),
        now=now(session),
    )
    return Visit(request, session, actor, service, language, names)


def the_visit(request: Request, session: TheSession, actor: TheActor, service: TheService) -> Visit:
    """Return the visit, as a FastAPI dependency."""
    return open_visit(request, session, actor, service)


TheVisit = Annotated[Visit, Depends(the_visit)]


def _badges(session: Session, actor: Actor, service: Service) -> dict[str, int]:
    """Return the counts shown in the menu."""
    active = run_queries.active_runs(session, actor.sight)
    return {"approvals": to_do.count(session, to_do.Queue(actor, service.pack, NOUNS)), "runs": len(active)}


def go(path: str, done: str = "", **query: str) -> RedirectResponse:
    """Redirect to another page of the console, which confirms the act named by `done`."""
    wanted = urlencode(query | {"done": done} if done else query)
    return RedirectResponse(f"{path}?{wanted}" if wanted else path, SEE_OTHER)


def words_of(error: BusinessError, language: Language) -> str:
    """Return the reason of a refusal in the reader's language."""
    detail = str(error.extra.get("detail_zh", ""))
    if language == "en":
        return error.detail
    return f"{error.zh}：{detail}" if detail else error.zh


def version_of(sent: Mapping[str, str]) -> int | None:
    """Return the version that the page showed; None for anything that is no version."""
    version = sent.get("version", "")
    return int(version) if version.isdecimal() and len(version) <= LONGEST_VERSION else None


async def read_sent(request: Request) -> Mapping[str, str]:
    """Return the posted text fields.

    Raises:
        BadInput: a field was sent twice.
    """
    pairs = (await request.form()).multi_items()
    name, times = max(Counter(name for name, _ in pairs).items(), key=itemgetter(1), default=("", 0))
    if times > 1:
        raise BadInput(f"The field {name} was sent twice.", field=name, detail_zh=SENT_TWICE % {"name": name})
    return {name: value for name, value in pairs if isinstance(value, str)}


Sent = Annotated[Mapping[str, str], Depends(read_sent)]
