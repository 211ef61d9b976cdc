"""Terraform's JSON events: kept as data, told as lines, free of secrets."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from orchestrator.runs.engine import LogSink

HIDDEN: Final = "***"


class EventReader:
    """Takes the output of one Terraform process line by line; every line may be an event or plain text.

    `events` grows with each event. Secrets are replaced before anything else looks at a line, in the
    spelling they have in clear and in the one they have inside a JSON string.
    """

    def __init__(self, log: LogSink, secrets: Iterable[str] = ()) -> None:
        self.events: list[Mapping[str, Any]] = []
        self._log = log
        self._spellings = _spellings(secrets)

    def line(self, text: str) -> None:
        """Read one line and tell it to the log."""
        text = self.redacted(text)
        event = _parsed(text)
        if event is None:
            self._log(text)
            return
        self.events.append(event)
        for told in readable(event):
            self._log(told)

    def redacted(self, text: str) -> str:
        """The text with ``***`` in place of every secret."""
        for spelling in self._spellings:
            text = text.replace(spelling, HIDDEN)
        return text


def readable(event: Mapping[str, Any]) -> Iterator[str]:
    """The lines a person reads for one event; a diagnostic has several."""
    diagnostic = event.get("diagnostic")
    if not isinstance(diagnostic, Mapping):
        yield from str(event.get("@message", "")).splitlines()
        return
    yield f"{str(diagnostic.get('severity', 'error')).capitalize()}: {diagnostic.get('summary', '')}"
    place = _place(diagnostic)
    if place:
        yield f"  at {place}"
    for line in str(diagnostic.get("detail", "")).splitlines():
        yield f"  {line}" if line else ""


def recorded_events(path: Path) -> tuple[Mapping[str, Any], ...]:
    """The events in a file that an ended Terraform left behind; a cut last line is skipped."""
    if not path.is_file():
        return ()
    lines = path.read_text(errors="replace").splitlines()
    return tuple(event for event in map(_parsed, lines) if event is not None)


def _parsed(text: str) -> Mapping[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        event = json.loads(text)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _place(diagnostic: Mapping[str, Any]) -> str:
    where = diagnostic.get("range")
    parts = [str(diagnostic["address"])] if diagnostic.get("address") else []
    if isinstance(where, Mapping):
        parts.append(f"{where.get('filename')}:{where.get('start', {}).get('line')}")
    return ", ".join(parts)


def _spellings(secrets: Iterable[str]) -> list[str]:
    found: set[str] = set()
    for secret in filter(None, secrets):
        # An address in an event is quoted twice: as a key in HCL, then as a string in JSON.
        for text in (secret, _quoted(secret), _quoted(_quoted(secret))):
            # Terraform's encoder also escapes the characters that mean something in HTML.
            html = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
            found |= {text, html}
    # The longest first: a secret that begins with another must not leave its rest behind.
    return sorted(found, key=lambda text: (-len(text), text))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
