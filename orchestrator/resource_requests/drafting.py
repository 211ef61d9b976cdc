"""Drafts of requests: their fields and limits, checked before anything is stored.

Free text never becomes a key, an address or code. Keys must match a strict pattern, because they become
addresses in Terraform.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from typing_extensions import TypeAliasType

from orchestrator.core.zone_classes import ZoneClass
from orchestrator.resource_requests.kinds import RequestKind

Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,23}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
Port = Annotated[int, Field(ge=1, le=65535)]
HostService = TypeAliasType("HostService", Literal["HSS", "LOG", "BST"])
HostPurpose = TypeAliasType("HostPurpose", Literal["app", "db", "middleware", "other"])
HostImage = TypeAliasType("HostImage", Literal["debian-12", "openeuler-22.03", "kylin-v10"])
DiskTier = TypeAliasType("DiskTier", Literal["SATA", "SSD", "UHIO"])


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


class LineFields(BaseModel):
    """The fields that a line has in a draft and in answers of the API: `count` equal hosts.

    Sizes are per host; disk and backup in GB. Forms and pages read `LINE_FIELDS`, one row a field.
    """

    key: Key
    label: Text
    purpose: HostPurpose = "app"
    image: HostImage = "debian-12"
    count: int = Field(default=1, ge=1, le=200)
    vcpu: int = Field(ge=1, le=128)
    memory_gb: int = Field(ge=1, le=2048)
    disk_gb: int = Field(ge=0, le=100_000)
    disk_tier: DiskTier = "SSD"
    backup_gb: int = Field(default=0, ge=0, le=100_000)
    host_services: Annotated[tuple[HostService, ...], EACH_ONCE] = ()
    ports: Annotated[tuple[Port, ...], Field(max_length=MOST_PORTS), EACH_ONCE] = ()


class LineDraft(LineFields):
    """A line as its author writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pool: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9-]{1,20}$")]


class Control(StrEnum):
    """The form control of a field."""

    TEXT = "text"
    NUMBER = "number"
    SELECT = "select"


@dataclass(frozen=True)
class LineField:
    """A field of a line for people: labels and hints in both languages, and its value in a new form.

    `is_free` marks text that a person types freely: rule R-01 reads it. `optional` fields may stay empty.
    """

    name: str
    zh: str
    en: str
    initial: str = ""
    control: Control = Control.TEXT
    hint_zh: str = ""
    hint_en: str = ""
    optional: bool = False
    is_free: bool = False


LINE_FIELDS = (
    LineField(
        "key", "主机名", "Host name", "web", hint_zh="小写字母开头", hint_en="starts with a lower-case letter"
    ),
    LineField("label", "名称", "Name", hint_zh="便于本部门识别", hint_en="for your own use", is_free=True),
    LineField("purpose", "用途", "Purpose", "app", Control.SELECT, optional=True),
    LineField("count", "台数", "Count", "1", Control.NUMBER),
    LineField("pool", "资源池", "Pool", "", Control.SELECT),
    LineField("image", "操作系统镜像", "Image", "debian-12", Control.SELECT),
    LineField("vcpu", "vCPU", "vCPU", "4", Control.NUMBER),
    LineField("memory_gb", "内存（GB）", "Memory (GB)", "16", Control.NUMBER),
    LineField("disk_gb", "数据盘（GB）", "Disk (GB)", "100", Control.NUMBER),
    LineField("disk_tier", "磁盘类型", "Disk tier", "SSD", Control.SELECT, optional=True),
    LineField("backup_gb", "备份（GB）", "Backup (GB)", "0", Control.NUMBER, optional=True),
    LineField(
        "ports",
        "开放端口",
        "Open ports",
        hint_zh="用逗号分开，例如 80, 443；不开放则留空。",
        hint_en="Separated by commas, for example 80, 443; leave empty for none.",
        optional=True,
    ),
)
"""The fields of a line in the order of the form. `host_services` is a row of boxes of its own."""


class RequestDraft(BaseModel):
    """A request as its author writes it. A change states the complete new size of its workspace."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: RequestKind = RequestKind.PROVISION
    system: str | None = Field(default=None, max_length=40)
    workspace: UUID | None = None
    zone_class: ZoneClass = ZoneClass.PRODUCTION
    title: Text
    justification: LongText
    lines: tuple[LineDraft, ...] = Field(default=(), max_length=MOST_LINES)

    @model_validator(mode="after")
    def _consistent(self) -> "RequestDraft":
        if (self.kind == RequestKind.PROVISION) != (self.workspace is None):
            raise Inconsistent(
                "workspace_of_kind", "give a workspace for a change or release, and none for a provision"
            )
        if (self.kind == RequestKind.RELEASE) == bool(self.lines):
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
        free = [field.name for field in LINE_FIELDS if field.is_free]
        texts = {f"lines.{line.key}.{name}": getattr(line, name) for line in self.lines for name in free}
        return {"title": self.title, "justification": self.justification, **texts}


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
