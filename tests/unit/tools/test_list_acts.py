"""docs/acts.md shows the rows of this checkout."""

from orchestrator.workflows.nouns import NOUNS
from tools import list_acts


def test_the_page_of_the_acts_is_current() -> None:
    page = (list_acts.ROOT / list_acts.PAGE).read_text(encoding="utf-8")
    assert page == list_acts.page(), "Run: PYTHONPATH=. .venv/bin/python tools/list_acts.py"


def test_every_act_has_a_command() -> None:
    without = [
        (noun.path, act.name) for noun in NOUNS for act in noun.acts if not list_acts.command(noun, act)
    ]
    assert without == []
