"""The demo's city: its content, its people with their passwords, and room for one more request."""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from orchestrator.adapters.content_files import read_content
from orchestrator.client.api import ApiClient, sign_in
from orchestrator.client.connection import ApiProblem
from orchestrator.client.models import (
    DiskTier,
    HostImage,
    HostPurpose,
    LineDraft,
    RequestDraft,
)
from orchestrator.core.clock import today
from orchestrator.core.db import transaction
from orchestrator.core.errors import BusinessError
from orchestrator.departments import queries
from orchestrator.settings import Settings
from orchestrator.workflows.content import content_revisions
from orchestrator.workflows.people import accounts

TITLE = "山洪灾害监测预警系统试用环境"
OPERATOR = "operator:demo"
UNAUTHORISED = 401

ROLES = {
    "slj.clerk": "Water bureau: writes requests",
    "slj.officer": "Water bureau: information officer, endorses",
    "qxj.clerk": "Meteorology: writes requests",
    "qxj.officer": "Meteorology: information officer, endorses",
    "xxh.reviewer": "Centre: accepts, reviews, orders plans",
    "xxh.approver": "Centre: approves plans",
    "zhb.approver": "Smart-city office: second approval, loads content",
    "czj.finance": "Finance: approves costly plans",
    "csp1.applier": "Provider: applies plans",
    "sjj.auditor": "Audit: reads everything",
    "xxh.admin": "Centre: technical administrator",
}


class DemoStopped(BusinessError):
    """The demo cannot go on."""


@dataclass(frozen=True)
class Department:
    """A department that can play the demo, with the system that its request is for."""

    code: str
    system: str

    @property
    def clerk(self) -> str:
        """Who writes the request."""
        return f"{self.code.lower()}.clerk"

    @property
    def officer(self) -> str:
        """Who endorses it."""
        return f"{self.code.lower()}.officer"


DEPARTMENTS = (Department("SLJ", "SYS-019"), Department("QXJ", "SYS-023"))


def draft_of(department: Department) -> RequestDraft:
    """Two hosts that together cost 1,016.00 CNY a month."""
    line = LineDraft(
        key="web",
        label="预警发布节点",
        purpose=HostPurpose.APP,
        pool="EXT-X86",
        image=HostImage.DEBIAN_12,
        count=2,
        vcpu=4,
        memory_gb=16,
        disk_gb=250,
        disk_tier=DiskTier.SSD,
        backup_gb=250,
        ports=(80, 443),
    )
    return RequestDraft(
        system=department.system,
        title=TITLE,
        justification="汛期前验证预警发布链路，试用后正式开通。",
        lines=(line,),
    )


def load_city(engine: Engine, settings: Settings) -> str:
    """Load the sample city into an empty database; says what was done.

    Raises:
        DemoStopped: the database holds something else, or its clock is not the sample city's.
    """
    reading = read_content(settings.content_dir)
    if reading.bundle is None:
        raise DemoStopped(f"The content has mistakes: {reading.problems[0]}")
    with transaction(engine) as session:
        codes = {item.code for item in queries.organisations(session)}
        day = today(session)
        if settings.as_of is None or day.year != settings.as_of.year:
            raise DemoStopped(
                f"The product's clock shows {day}, the sample city lives in 2019. The demo plays only in a "
                "database of its own: unset DATABASE_URL, or set GOVCLOUD_HOME to an empty folder."
            )
        if not codes:
            content_revisions.load_content(session, reading.bundle, None)
            return "Loaded: 25 organisations and the provider, 28 systems, prices, pools, budgets, people."
    if not {department.code for department in DEPARTMENTS} <= codes:
        raise DemoStopped("The database holds another city. Set GOVCLOUD_HOME to an empty folder.")
    return "It was loaded by an earlier demo."


def passwords(settings: Settings) -> Mapping[str, str]:
    """The passwords of the demo accounts: made once, kept in a file that only this account reads."""
    path = passwords_path(settings)
    stored: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = [name for name in ROLES if name not in stored]
    if missing:
        stored |= {name: "-".join(secrets.token_hex(2) for _ in range(3)) for name in missing}
        path.touch(mode=0o600)
        path.write_text(json.dumps(stored, indent=2))
    return stored


def passwords_path(settings: Settings) -> Path:
    """Where the demo keeps the passwords of its accounts."""
    return settings.home / "demo-accounts.json"


class Cast(Mapping[str, ApiClient]):
    """The demo's people: each signs in through the API when they are first needed."""

    def __init__(self, url: str, known: Mapping[str, str]) -> None:
        self._url = url
        self._known = known
        self._signed_in: dict[str, ApiClient] = {}

    def __getitem__(self, name: str) -> ApiClient:
        if name not in self._signed_in:
            token = sign_in(self._url, name, self._known[name], name="demo", days=1)
            self._signed_in[name] = ApiClient(self._url, token)
        return self._signed_in[name]

    def sign_out(self) -> None:
        """Forget the tokens; the next person to act signs in again."""
        self._signed_in.clear()

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def give_passwords(engine: Engine, settings: Settings) -> Cast:
    """The demo's people; accounts get their passwords where the database lacks them."""
    secrets_by_name = passwords(settings)
    cast = Cast(settings.url, secrets_by_name)
    try:
        cast[DEPARTMENTS[0].clerk]
    except ApiProblem as problem:
        if problem.status != UNAUTHORISED:
            raise
        with transaction(engine) as session:
            for name, password in secrets_by_name.items():
                accounts.set_password(session, name, password, OPERATOR)
    return cast
