"""A program that will not do what it was asked to says so by a code and facts; texts are made elsewhere."""

from typing import Any


class Refused(Exception):
    """Nothing was changed. `code` is one of the orchestrator's findings; `facts` fill its text."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(f"{code} {facts}" if facts else code)
        self.code, self.facts = code, facts

    def as_dict(self) -> dict[str, Any]:
        return {"code": self.code, "facts": self.facts}
