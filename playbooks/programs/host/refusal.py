"""Refusals of programs, as code and facts; the orchestrator has the texts."""

from typing import Any


class Refused(Exception):
    """The program changed nothing. `code` is a finding of the orchestrator; `facts` fill its text."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(f"{code} {facts}" if facts else code)
        self.code, self.facts = code, facts

    def as_dict(self) -> dict[str, Any]:
        return {"code": self.code, "facts": self.facts}
