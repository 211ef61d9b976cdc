"""Read a policy pack from its folder, completely or with an error that lists every mistake."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from orchestrator.adapters.document_files import DocumentReader, Problem
from orchestrator.core.documents import Document
from orchestrator.policies.consistency import pack_findings
from orchestrator.policies.judgements import JUDGES
from orchestrator.policies.pack import (
    PACK_FILES,
    CalendarDocument,
    DeadlinesDocument,
    DutiesDocument,
    Moment,
    PackHead,
    PolicyPack,
    RulesDocument,
    TimeLimitsDocument,
)

NOTICE = "notice.zh.txt"

D = TypeVar("D", bound=Document)


class InvalidPack(Exception):
    """The policy pack is invalid. ``problems`` lists every mistake by file and line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(["The policy pack is not valid.", *map(str, problems)]))
        self.problems = problems


def load_pack(folder: Path) -> PolicyPack:
    """Read the pack in ``folder``, such as ``policies/xinyu-2019``.

    Raises InvalidPack if a file is missing or has a mistake.
    """
    reader = DocumentReader(folder)
    calendars = sorted(path.relative_to(folder).as_posix() for path in folder.glob("calendar/*.yml"))
    for file, model in PACK_FILES.items():
        reader.read(file, model)
    for file in calendars:
        reader.read(file, CalendarDocument)
    notice_zh = _notice(reader)
    for file, path, message in pack_findings(reader.documents, notice_zh):
        reader.add(file, path, message)
    _require_judges(reader)
    if reader.problems:
        raise InvalidPack(tuple(sorted(reader.problems)))
    return _pack(reader.documents, calendars, notice_zh)


def _notice(reader: DocumentReader) -> str:
    try:
        return (reader.folder / NOTICE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reader.complain(NOTICE, f"the text of the notice cannot be read: {error}")
        return ""


def _require_judges(reader: DocumentReader) -> None:
    """Report rules that are to be judged on requests, but have no function."""
    document = reader.documents.get("rules.yml")
    for index, rule in enumerate(document.rules if isinstance(document, RulesDocument) else ()):
        if Moment.REQUEST in rule.judged_at and rule.id not in JUDGES:
            reader.add(
                "rules.yml", ("rules", index, "judged_at"), f"no function judges {rule.id} on a request"
            )


def _one(documents: Mapping[str, Document], model: type[D]) -> D:
    return next(document for document in documents.values() if isinstance(document, model))


def _pack(documents: Mapping[str, Document], calendars: list[str], notice_zh: str) -> PolicyPack:
    years = [documents[file] for file in calendars]
    return PolicyPack(
        head=_one(documents, PackHead),
        rules=_one(documents, RulesDocument).rules,
        deadlines=_one(documents, DeadlinesDocument).deadlines,
        time_limits=_one(documents, TimeLimitsDocument).time_limits,
        duties=_one(documents, DutiesDocument),
        calendars=tuple(year for year in years if isinstance(year, CalendarDocument)),
        notice_zh=notice_zh,
    )
