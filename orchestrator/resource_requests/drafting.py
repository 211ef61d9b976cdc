"""Drafts of requests: their fields and limits, checked before anything is stored.

Free text never becomes a key, an address or code. Keys must match a strict pattern, because they become
addresses in Terraform.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,23}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
Port = Annotated[int, Field(ge=1, le=65535)]
HostService = Literal["HSS", "LOG", "BST"]


def _each_once(values: tuple[object, ...]) -> tuple[object, ...]:
    if len(set(values)) != len(values):
        raise ValueError("list each value once")
    return values


EACH_ONCE = AfterValidator(_each_once)

MAX_HOSTS = 300
MOST_LINES = 50
MOST_PORTS = 100


class Inconsistent(ValueError):
    """Fields of a draft contradict each other; pages word the message by `code` and `values`."""

    def __init__(self, code: str, text: str, **values: str | int) -> None:
        super().__init__(text)
        self.code = code
        self.values = values


class LineDraft(BaseModel):
    """`count` equal hosts. Sizes are per host; disk and backup in GB."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Key
    label: Text
    purpose: Literal["app", "db", "middleware", "other"] = "app"
    pool: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9-]{1,20}$")]
    image: Literal["debian-12", "openeuler-22.03", "kylin-v10"] = "debian-12"
    count: int = Field(default=1, ge=1, le=200)
    vcpu: int = Field(ge=1, le=128)
    memory_gb: int = Field(ge=1, le=2048)
    disk_gb: int = Field(ge=0, le=100_000)
    disk_tier: Literal["SATA", "SSD", "UHIO"] = "SSD"
    backup_gb: int = Field(default=0, ge=0, le=100_000)
    host_services: Annotated[tuple[HostService, ...], EACH_ONCE] = ()
    ports: Annotated[tuple[Port, ...], Field(max_length=MOST_PORTS), EACH_ONCE] = ()


class RequestDraft(BaseModel):
    """A request as its author writes it. A change states the complete new size of its workspace."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["provision", "change", "release"] = "provision"
    system: str | None = Field(default=None, max_length=40)
    workspace: UUID | None = None
    zone_class: Literal["production", "trial"] = "production"
    title: Text
    justification: LongText
    lines: tuple[LineDraft, ...] = Field(default=(), max_length=MOST_LINES)

    @model_validator(mode="after")
    def _consistent(self) -> "RequestDraft":
        if (self.kind == "provision") != (self.workspace is None):
            raise Inconsistent(
                "workspace_of_kind", "give a workspace for a change or release, and none for a provision"
            )
        if (self.kind == "release") == bool(self.lines):
            raise Inconsistent(
                "lines_of_kind", "give no lines for a release, and at least one for every other request"
            )
        _refuse_shared_keys(self.lines)
        hosts = sum(line.count for line in self.lines)
        if hosts > MAX_HOSTS:
            text = f"{hosts} hosts: reduce them to {MAX_HOSTS}, the most that one request can have"
            raise Inconsistent("too_many_hosts", text, hosts=hosts, most=MAX_HOSTS)
        return self

    def free_texts(self) -> dict[str, str]:
        """Return every free text by field name, for the classification rule (R-01)."""
        labels = {f"lines.{line.key}.label": line.label for line in self.lines}
        return {"title": self.title, "justification": self.justification, **labels}


def _refuse_shared_keys(lines: Iterable[LineDraft]) -> None:
    """Refuse a key of two lines, and a key that equals a numbered host (``web-2``) of another line."""
    hosts = Counter(key for line in lines for key in (line.key, *_numbered(line)))
    shared = next((key for key, times in hosts.items() if times > 1), None)
    if shared is not None:
        raise Inconsistent(
            "shared_key", f"two hosts would have the key {shared}: give each line its own key", key=shared
        )


def _numbered(line: LineDraft) -> list[str]:
    """Return the keys of a line's hosts after the first one, which has the plain key."""
    return [f"{line.key}-{number}" for number in range(2, line.count + 1)]
