"""The document of a migration plan (``migration_plans/*.yml``) and the transfer that it describes. Pure.

A plan contains neither the progress of the migration nor the address of the target. The address comes from
the outputs of the applied request, which is named when the migration is registered.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from orchestrator.core.documents import Document, Name, PlainText
from orchestrator.migrations.transfer import DatabasePart, FolderPart, MigrationHost, NamePart, Transfer

CITY = ZoneInfo("Asia/Shanghai")


def _below_root(path: str) -> str:
    if path.startswith("/") or not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise ValueError("a path is written from the host's root, without a leading slash and without ..")
    return path


def _moment(value: str) -> str:
    try:
        datetime.strptime(value, "%Y-%m-%d %H:%M")  # noqa: DTZ007 - the city's zone is added where it is read.
    except ValueError:
        raise ValueError("a moment is written like 2019-06-19 22:00, in the city's time") from None
    return value


Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,29}$")]
SystemCode = Annotated[str, StringConstraints(pattern=r"^SYS-[0-9]{3}$")]
Identifier = Annotated[PlainText, StringConstraints(min_length=1, max_length=63)]
HostPath = Annotated[PlainText, StringConstraints(min_length=1, max_length=200), AfterValidator(_below_root)]
Port = Annotated[int, Field(ge=1, le=65535)]
Address = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f.:]{3,45}$")]
Record = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?$")]
Moment = Annotated[str, AfterValidator(_moment)]


class HostDocument(Document):
    """A host that no request has provisioned, named by its workspace in the sandbox cloud or its address."""

    host: Key
    reached_by: Literal["sandbox", "ssh"]
    workspace: Key | None = None
    address: Address | None = None

    @model_validator(mode="after")
    def _is_reachable(self) -> Self:
        if self.reached_by == "sandbox" and (self.workspace is None or self.address is not None):
            raise ValueError("a sandbox host is named by its workspace and has no address here")
        if self.reached_by == "ssh" and (self.address is None or self.workspace is not None):
            raise ValueError("a host that is reached by ssh is named by its address and has no workspace")
        return self


class TargetDocument(Document):
    """The key of the host in the request that provisions the target."""

    host: Key


class DatabaseDocument(Document):
    """The database of the mover `postgresql_logical`; `admin` is a file below each host's root."""

    name: Identifier
    writers: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=20)]
    port: Port = 5432
    admin: HostPath = "srv/postgresql/admin.conninfo"


class NameDocument(Document):
    """The DNS name that clients use, and the host of the name service."""

    record: Record
    service: HostDocument
    port: Port = 5353


class WindowDocument(Document):
    """A half-open period, in the city's time, in which a cutover may begin."""

    begins: Moment
    ends: Moment

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if self.begins >= self.ends:
            raise ValueError("a window ends after it begins")
        return self

    def holds(self, instant: datetime) -> bool:
        """Return whether the instant lies inside the window."""
        return _instant(self.begins) <= instant < _instant(self.ends)


class MigrationPlanDocument(Document):
    """One migration of one system."""

    plan: Key
    title: Name
    system: SystemCode
    source: HostDocument
    target: TargetDocument
    database: DatabaseDocument | None = None
    folders: Annotated[tuple[HostPath, ...], Field(max_length=50)] = ()
    name: NameDocument | None = None
    files_port: Port = 8730
    pause_budget_ms: Annotated[int, Field(ge=1, le=600_000)] = 2000
    trial_days: Annotated[int, Field(ge=0, le=3650)] = 30
    windows: Annotated[tuple[WindowDocument, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _transfers_something(self) -> Self:
        if self.database is None and not self.folders:
            raise ValueError("a migration moves a database, folders, or both")
        if len(set(self.folders)) < len(self.folders):
            raise ValueError("a folder is named twice")
        hosts = [self.source.host, self.target.host, *([self.name.service.host] if self.name else [])]
        if len(set(hosts)) < len(hosts):
            raise ValueError("a host is named twice: source, target and name service are three hosts")
        return self

    def digest(self) -> str:
        """Return the SHA-256 of the canonical form."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def may_cut_over(self, instant: datetime) -> bool:
        """Return whether a cutover may begin at this instant; without windows it always may."""
        return not self.windows or any(window.holds(instant) for window in self.windows)


def _instant(moment: str) -> datetime:
    return datetime.strptime(moment, "%Y-%m-%d %H:%M").replace(tzinfo=CITY)


def stored_plan(document: Mapping[str, Any]) -> MigrationPlanDocument:
    """Return the plan from its stored JSON form, in which sequences are lists."""
    return MigrationPlanDocument.model_validate_json(json.dumps(document))


def host_document(host: MigrationHost) -> dict[str, Any]:
    """Return the stored form of a host."""
    return {"name": host.name, "address": host.address, "connection": dict(host.connection)}


def stored_host(document: Mapping[str, Any]) -> MigrationHost:
    """Return the host from its stored form."""
    return MigrationHost(document["name"], document["address"], document["connection"])


def transfer_key(number: str) -> str:
    """Return the key of a mover's objects on the hosts: ``mg20190001`` for ``MG-2019-0001``."""
    return number.replace("-", "").lower()


def transfer_of(
    plan: MigrationPlanDocument,
    number: str,
    source: MigrationHost,
    target: MigrationHost,
    names: MigrationHost | None,
) -> Transfer:
    """Return the input of the movers.

    Raises:
        BadTransfer: The transfer cannot be carried out as the plan describes it.
    """
    part = plan.database
    return Transfer(
        key=transfer_key(number),
        source=source,
        target=target,
        database=DatabasePart(part.name, part.writers, part.port, part.admin) if part else None,
        folders=tuple(FolderPart(path) for path in plan.folders),
        name=NamePart(plan.name.record, names, plan.name.port) if plan.name and names else None,
        files_port=plan.files_port,
        budget_ms=plan.pause_budget_ms,
        label=plan.title,
    )
