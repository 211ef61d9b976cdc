"""The message of a refused command: plain words, rule with clause and quote, field; never a traceback."""

import sys
from collections.abc import Mapping
from typing import Any


def explain(error: Exception) -> list[str] | None:
    """Return lines for a person, or None for an error that is a defect of the program."""
    document = getattr(error, "document", None)
    if isinstance(document, Mapping):
        return problem_lines(document)
    if _is_expected(error):
        return [str(error) or type(error).__doc__ or type(error).__name__]
    if isinstance(error, OSError) and error.filename:
        return [f"{error.filename}: {error.strerror}"]
    if type(error).__module__.startswith("sqlalchemy.") and type(error).__name__ == "OperationalError":
        return ["The database does not answer:", str(getattr(error, "orig", error)).strip()]
    return None


def problem_lines(document: Mapping[str, Any]) -> list[str]:
    """Return an RFC 9457 problem as lines."""
    title, detail = str(document.get("title", "")), str(document.get("detail", ""))
    lines = [title] if title == detail or not detail else [title, detail]
    lines += [str(document[name]) for name in ("title_zh", "detail_zh") if document.get(name)]
    for item in document.get("errors", []):
        lines.append(f"{item['field']}: {item['message']}")
    if document.get("field") and not document.get("errors"):
        lines.append(f"Field: {document['field']}")
    if document.get("rule"):
        clause = f", clause {document['clause']}" if document.get("clause") else ""
        lines.append(f"Rule {document['rule']}{clause}")
    if document.get("quote_zh"):
        lines.append(f"“{document['quote_zh']}”")
    return lines


def _is_expected(error: Exception) -> bool:
    """Errors that our own code raises to be read by people, recognised without importing all of it."""
    return any((module, name) in EXPECTED for module, name in _classes(error))


def _classes(error: Exception) -> list[tuple[str, str]]:
    return [(item.__module__.removeprefix("orchestrator."), item.__name__) for item in type(error).__mro__]


EXPECTED = {
    ("core.errors", "BusinessError"),
    ("core.account", "AccountError"),
    ("adapters.embedded_postgres", "EmbeddedPostgresError"),
    ("adapters.sandbox_cloud", "SandboxCloudError"),
    ("client.connection", "Unreachable"),
    ("client.encoding", "UnexpectedResponse"),
    ("cli.connection", "NoSuchThing"),
    ("cli.connection", "NotLoggedIn"),
    ("cli.request_files", "BadFile"),
}


def complain(lines: list[str]) -> None:
    """Print the lines on stderr, the first one in red where that is a terminal."""
    first, *rest = lines
    red, plain = ("\033[31m", "\033[0m") if sys.stderr.isatty() else ("", "")
    print(f"{red}{first}{plain}", *rest, sep="\n", file=sys.stderr)
