"""An account is deactivated by an administrator, with a reason, and is out at once; never the own one."""

import json
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from orchestrator.adapters.policy_files import load_pack
from orchestrator.cli import app
from orchestrator.core.db import transaction
from orchestrator.departments.errors import LastAdministrator
from orchestrator.departments.permissions import Permission
from orchestrator.workflows.act import Call
from orchestrator.workflows.nouns import PEOPLE
from orchestrator.workflows.people import accounts
from orchestrator.workflows.people.acts import DEACTIVATE
from orchestrator.workflows.perform import perform
from tests.callers import Callers
from tests.running import ROOT

PASSWORD = "correct horse battery"
WHY = {"reason": "已离岗"}


def path_of(callers: Callers, username: str) -> str:
    (person,) = callers("xxh.admin").done("GET", f"/people?search={username}")["items"]
    return f"/people/{person['id']}"


def deactivate(callers: Callers, username: str) -> httpx2.Response:
    return callers("xxh.admin").post(f"{path_of(callers, username)}/deactivate", json=WHY)


def last_event(callers: Callers, username: str) -> dict[str, Any]:
    person_id = path_of(callers, username).rpartition("/")[2]
    events = callers("sjj.auditor").done("GET", f"/audit/events?object_id={person_id}")["items"]
    return dict(events[0])


def refused(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:govcloud:problem:")


def test_sessions_and_tokens_of_a_deactivated_person_end_at_once(callers: Callers, engine: Engine) -> None:
    with transaction(engine) as session:
        accounts.set_password(session, "slj.clerk", PASSWORD, "operator:test")
    document = {"username": "slj.clerk", "password": PASSWORD}
    with httpx2.Client(base_url=callers.address, timeout=30) as browser:
        same_site = {"Sec-Fetch-Site": "same-origin"}
        assert browser.post("/api/v1/session", json=document, headers=same_site).status_code == 204

        def statuses() -> tuple[int, int]:
            return browser.get("/api/v1/me").status_code, callers("slj.clerk").get("/me").status_code

        assert statuses() == (200, 200)
        answer = deactivate(callers, "slj.clerk")
        assert (answer.status_code, answer.json()["status"]) == (200, "deactivated")
        assert statuses() == (401, 401)
        event = last_event(callers, "slj.clerk")
        assert browser.post("/api/v1/session", json=document, headers=same_site).status_code == 401
    assert (event["action"], event["organisation_code"]) == ("person:deactivated", "SLJ")
    data = json.loads(event["body"])["data"]
    assert (data["reason"], data["sessions_ended"], data["tokens_revoked"]) == (WHY["reason"], 1, 1)
    assert refused(deactivate(callers, "slj.clerk")) == (409, "illegal_transition")


def test_nobody_deactivates_the_own_account_and_the_attempt_is_audited(callers: Callers) -> None:
    assert refused(deactivate(callers, "xxh.admin")) == (403, "own_account")
    assert callers("xxh.admin").get("/me").status_code == 200
    assert last_event(callers, "xxh.admin")["action"] == "person:same_person_refused"


def test_an_administrator_remains(callers: Callers, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO role_grants (id, person_id, role, valid_from) SELECT gen_random_uuid(), id,"
                " 'technical_administrator', '2019-01-01' FROM persons WHERE username = 'xxh.officer'"
            )
        )
    with transaction(engine) as session:
        late = accounts.actor_named(session, "xxh.officer")
    assert deactivate(callers, "xxh.officer").status_code == 200
    last = UUID(callers("xxh.admin").done("GET", "/me")["person_id"])
    pack = load_pack(ROOT / "policies" / "xinyu-2019")
    with pytest.raises(LastAdministrator), transaction(engine) as session:
        perform(PEOPLE, DEACTIVATE, Call(session, late, pack, reason="x"), last)


def test_a_reason_and_the_right_are_needed(callers: Callers) -> None:
    path = f"{path_of(callers, 'slj.clerk')}/deactivate"
    administrator = callers("xxh.admin")
    assert administrator.post(path, json={"reason": " "}).status_code == 422
    assert administrator.post(path, json=WHY, headers={"If-Match": '"9"'}).status_code == 412
    narrowed = callers("xxh.admin", Permission.OBJECTS_READ_ALL, Permission.REQUESTS_READ)
    for caller, status in (
        (callers("rsj.clerk"), 404),
        (callers("slj.officer"), 403),
        (callers("sjj.auditor"), 403),
        (narrowed, 403),
    ):
        assert caller.post(path, json=WHY).status_code == status
    assert callers("sjj.auditor").get("/people").status_code == 403
    assert callers("slj.clerk").get("/me").status_code == 200


def test_the_list_of_people_is_read_page_by_page(callers: Callers) -> None:
    seen, path = [], "/people?search=slj.&limit=1"
    while path:
        page = callers("xxh.admin").done("GET", path)
        seen += [(person["username"], person["roles"]) for person in page["items"]]
        path = (page["next"] or "").removeprefix("/api/v1")
    assert seen == [
        ("slj.clerk", ["department_clerk"]),
        ("slj.officer", ["information_officer"]),
    ]


def test_the_command_names_the_person_by_user_name(callers: Callers) -> None:
    clerk = callers("slj.clerk")
    environment = {"GOVCLOUD_URL": callers.address, "GOVCLOUD_TOKEN": callers("xxh.admin").token}
    command = ["people", "deactivate", "slj.clerk", "--reason", "已离岗"]
    answer = CliRunner().invoke(app, command, env=environment)
    assert (answer.exit_code, answer.output.strip()) == (0, "slj.clerk is deactivated.")
    assert clerk.get("/me").status_code == 401
