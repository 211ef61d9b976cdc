"""Buttons of acts, and the text that a page shows after one."""

from typing import Any

from orchestrator.console.frame.views import Action
from orchestrator.console.frame.visit import Visit, words_of
from orchestrator.workflows.act import Noun, Text
from orchestrator.workflows.perform import offers


def buttons(visit: Visit, noun: Noun, subject: Any) -> tuple[Action, ...]:
    """Return the acts that this person could do on the object; a blocked one carries the reason."""
    return tuple(
        Action(
            offer.act.name,
            f"/console/{noun.path}/{subject.id}/{offer.act.name}",
            offer.act.tone,
            label=visit.text(offer.act.label),
            needs_reason=offer.act.needs_reason,
            blocked=words_of(offer.blocked, visit.language) if offer.blocked else "",
            is_link=offer.act.has_form,
        )
        for offer in offers(noun, visit.call({}), subject)
    )


def waiting_text(text: Text | None, visit: Visit) -> str:
    """Return the name of the awaited act in the reader's language; empty for none."""
    return visit.text(text) if text else ""
