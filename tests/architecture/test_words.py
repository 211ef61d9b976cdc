"""Texts and names use the words of the glossary, and every code has a word in both languages."""

import re
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import get_args

import pytest

from orchestrator.billing.intervals import EventKind
from orchestrator.billing.lifecycle import STATEMENT_LIFECYCLE, StatementStatus
from orchestrator.console.words.i18n import translations
from orchestrator.console.words.labels import WORDS
from orchestrator.content.differences import Verdict as Difference
from orchestrator.content.lifecycle import REVISION_LIFECYCLE, RevisionStatus
from orchestrator.core.plan_kinds import PlanKind
from orchestrator.core.zone_classes import ZoneClass
from orchestrator.departments.lifecycle import PERSON_LIFECYCLE
from orchestrator.departments.permissions import Permission, Role
from orchestrator.migrations.kinds import SwitchOutcome
from orchestrator.migrations.lifecycle import MIGRATION_LIFECYCLE, MigrationStatus
from orchestrator.policies.rules import Verdict
from orchestrator.resource_requests.drafting import DiskTier, HostImage, HostPurpose, HostService
from orchestrator.resource_requests.kinds import RequestKind
from orchestrator.resource_requests.lifecycle import REQUEST_LIFECYCLE, RequestStatus
from orchestrator.resources.lifecycle import RESOURCE_LIFECYCLE, ResourceStatus
from orchestrator.runs.kinds import RunKind
from orchestrator.runs.lifecycle import PLAN_LIFECYCLE, RUN_LIFECYCLE, PlanStatus, RunStatus
from orchestrator.workflows.nouns import NOUNS
from tests.architecture.conftest import ROOT, Checkout
from tests.architecture.words import (
    CHINESE,
    GLOSSARY,
    docstrings,
    open_files,
    read_glossary,
    wrong_words,
)

CODES: Mapping[str, type[StrEnum]] = {
    "content_revision": RevisionStatus,
    "request": RequestStatus,
    "plan": PlanStatus,
    "run": RunStatus,
    "migration": MigrationStatus,
    "statement": StatementStatus,
    "resource": ResourceStatus,
    "role": Role,
    "verdict": Verdict,
}
CHOICES: Mapping[str, Collection[str]] = {
    "content_verdict": {Difference.ADD, Difference.CHANGE, Difference.REMOVE},
    "request_kind": tuple(RequestKind),
    "zone_class": tuple(ZoneClass),
    "purpose": get_args(HostPurpose.__value__),
    "image": get_args(HostImage.__value__),
    "tier": get_args(DiskTier.__value__),
    "host_service": get_args(HostService.__value__),
    "plan_kind": tuple(PlanKind),
    "run_kind": tuple(RunKind),
}
LIFECYCLES = (
    REQUEST_LIFECYCLE,
    PLAN_LIFECYCLE,
    RUN_LIFECYCLE,
    MIGRATION_LIFECYCLE,
    STATEMENT_LIFECYCLE,
    RESOURCE_LIFECYCLE,
    PERSON_LIFECYCLE,
    REVISION_LIFECYCLE,
)
EVENT = re.compile(r'"([a-z_]+:[a-z_]+[a-z])"')
# Other strings of this form: permissions, actors, and the names under which answers are kept.
NOT_EVENTS = {
    *Permission,
    "console:draft",
    "migrations:register",
    "operator:demo",
    "system:calendar",
    "system:content",
}
NOT_SWITCHED = (SwitchOutcome.REFUSED, SwitchOutcome.REVERTED)
MOST_WHAT = 0.02
"""The share of docstrings with *what* as a relative pronoun."""


@pytest.fixture(scope="module")
def wrong(checkout: Checkout) -> dict[str, set[str]]:
    return wrong_words(checkout)


def test_no_file_holds_a_forbidden_word(wrong: dict[str, set[str]]) -> None:
    """`docs/glossary.md` says which word to use instead."""
    still_open = set(open_files())
    assert {name: sorted(words) for name, words in wrong.items() if name not in still_open} == {}


def test_the_list_of_open_files_becomes_shorter(wrong: dict[str, set[str]]) -> None:
    """A rewritten file leaves the list: run `python -m tests.architecture.words`."""
    assert [name for name in open_files() if name not in wrong] == []


def test_the_glossary_finds_wrong_words_and_allows_longer_terms() -> None:
    glossary = read_glossary((ROOT / GLOSSARY).read_text(encoding="utf-8"))
    assert glossary.wrong_words("docs/x.md", "the job cut the way back") == {"cut", "way back"}
    assert glossary.wrong_words("docs/x.md", "cut over; 已切换; 试运行") == set()
    assert glossary.wrong_words("docs/x.md", "切换任务") == {"切换", "任务"}
    assert glossary.wrong_words("docs/x.md", "settled") == {"settled"}
    assert glossary.wrong_words("docs/billing.md", "settled") == set()


def test_docstrings_name_their_subject(checkout: Checkout) -> None:
    texts = [text for file in checkout.python("") for text in docstrings(file)]
    relative = [text for text in texts if has_relative_what(text)]
    assert len(relative) / len(texts) <= MOST_WHAT


def has_relative_what(text: str) -> bool:
    """Return True for *what* that is no question, no quotation and no "what to do"."""
    plain = re.sub(r"`[^`]*`|\"[^\"]*\"|“[^”]*”", "", text)
    statements = (sentence for sentence in re.split(r"(?<=[.?!;])\s", plain) if not sentence.endswith("?"))
    return any(re.search(r"\bwhat\b(?! (to|if|about)\b)", sentence, re.IGNORECASE) for sentence in statements)


def test_a_question_is_no_relative_pronoun() -> None:
    assert has_relative_what("Return what was read.")
    assert not has_relative_what('Say "what to do". What is left? Decide what to do next.')


@pytest.mark.parametrize("kind", CODES)
def test_every_code_has_its_words(kind: str) -> None:
    assert set(WORDS[kind]) == {code.value for code in CODES[kind]}


@pytest.mark.parametrize("kind", CHOICES)
def test_every_choice_has_its_words(kind: str) -> None:
    assert set(CHOICES[kind]) - set(WORDS[kind]) == set()


def test_every_word_of_a_code_has_english() -> None:
    english = translations("en")
    chinese = {text for texts in WORDS.values() for text in texts.values() if CHINESE.search(text)}
    assert {text for text in chinese if english.gettext(text) == text} == set()


def test_every_event_has_its_words(checkout: Checkout) -> None:
    assert events(checkout) - WORDS["event"].keys() == set()
    assert WORDS["event"].keys() - events(checkout) == set()


def events(checkout: Checkout) -> set[str]:
    """Return the types of events that the code records: transitions, duties and those named in the code."""
    of_lifecycles = {
        f"{lifecycle.noun.replace(' ', '_')}:{status.value}"
        for lifecycle in LIFECYCLES
        for targets in lifecycle.transitions.values()
        for status in targets
    }
    of_kinds = {f"usage:{kind}" for kind in EventKind} | {"hold:committed", "hold:released"}
    of_cutovers = {f"migration:switch_{outcome}" for outcome in NOT_SWITCHED}
    of_duties = {f"{noun.subject}:same_person_refused" for noun in NOUNS}
    return {*of_lifecycles, *of_kinds, *of_cutovers, *of_duties, *named_events(checkout)} - NOT_EVENTS


def named_events(checkout: Checkout) -> Iterator[str]:
    for file in checkout.python("orchestrator/"):
        if not file.name.startswith("orchestrator/console/words/"):
            yield from EVENT.findall(file.text)


@pytest.mark.parametrize(
    ("kind", "use"),
    [
        ("act", r'Action\(\s*"{}"|"{}" \| word\("act"\)'),
        ("done", r'(go|_back)\([^)]*"{}"|done = "{}"|done={}\b|"{}" if'),
    ],
)
def test_no_word_of_the_console_is_left_over(kind: str, use: str, checkout: Checkout) -> None:
    files = checkout.texts(".py", ".html")
    console = "".join(file.text for file in files if file.name.startswith("orchestrator/console/"))
    assert [code for code in WORDS[kind] if not re.search(use.replace("{}", code), console)] == []


def test_every_kind_of_words_is_shown(checkout: Checkout) -> None:
    files = checkout.texts(".py", ".html")
    shown = [file.text for file in files if file.name.startswith("orchestrator/console/")]
    shown = [text for text in shown if "WORDS: Mapping" not in text and "TONES: Mapping" not in text]
    assert [kind for kind in WORDS if not any(f'"{kind}"' in text for text in shown)] == []
