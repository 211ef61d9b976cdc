"""Terraform's JSON events: collected as data, logged as lines, with secrets redacted."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from orchestrator.runs.engine import LogSink

HIDDEN: Final = "***"


class EventReader:
    """Reads the output of one Terraform process line by line; a line is an event or plain text.

    `events` collects the events. Secrets are replaced first, both in clear text and as they are spelled
    inside JSON strings.
    """

    def __init__(self, log: LogSink, secrets: Iterable[str] = ()) -> None:
        self.events: list[Mapping[str, Any]] = []
        self._log = log
        self._spellings = _spellings(secrets)

    def line(self, text: str) -> None:
        """Parse one line and write it to the log."""
        text = self.redacted(text)
        event = _parsed(text)
        if event is None:
            self._log(text)
            return
        self.events.append(event)
        for line in readable(event):
            self._log(line)

    def redacted(self, text: str) -> str:
        """Return the text with ``***`` in place of every secret."""
        for spelling in self._spellings:
            text = text.replace(spelling, HIDDEN)
        return text


def readable(event: Mapping[str, Any]) -> Iterator[str]:
    """Yield the readable lines of one event; a diagnostic has several."""
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


def _parsed(text: str) -> Mapping[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        event = json.loads(text)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _place(diagnostic: Mapping[str, Any]) -> str:
    source = diagnostic.get("range")
    parts = [str(diagnostic["address"])] if diagnostic.get("address") else []
    if isinstance(source, Mapping):
        parts.append(f"{source.get('filename')}:{source.get('start', {}).get('line')}")
    return ", ".join(parts)


def _spellings(secrets: Iterable[str]) -> list[str]:
    spellings: set[str] = set()
    for secret in filter(None, secrets):
        # An address in an event is quoted twice: as an HCL key, then as a JSON string.
        for text in (secret, _quoted(secret), _quoted(_quoted(secret))):
            # Terraform's JSON encoder also escapes characters that are special in HTML.
            html = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
            spellings |= {text, html}
    # Longest first, so that a secret that starts with another one is replaced completely.
    return sorted(spellings, key=lambda text: (-len(text), text))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
