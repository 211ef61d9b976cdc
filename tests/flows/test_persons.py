"""Invariants 20 and 21: the database requires five different persons, whose roles must hold at apply."""

import threading
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from tests import acts
from tests.office import Office

PARTS = {
    "requester": "slj.clerk",
    "endorser": "slj.officer",
    "author": "xxh.reviewer",
    "approver": "xxh.approver",
    "applier": "csp1.applier",
}


def person(connection: Connection, username: str) -> UUID:
    found: UUID = connection.execute(
        text("SELECT id FROM persons WHERE username = :name"), {"name": username}
    ).scalar_one()
    return found


def grant(engine: Engine, username: str, *roles: str) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO role_grants (id, person_id, role, valid_from)"
                " SELECT gen_random_uuid(), :person, unnest(CAST(:roles AS text[])), '2019-01-01'"
                " ON CONFLICT DO NOTHING"
            ),
            {"person": person(connection, username), "roles": list(roles)},
        )


REQUEST = "UPDATE resource_requests SET {part}_id = :person WHERE id = :request"
PLAN = "UPDATE execution_plans SET {part}_id = :person WHERE id = :plan"
APPROVAL = (
    "INSERT INTO approvals (id, plan_id, role, approver_id, decision, digest, at)"
    " VALUES (gen_random_uuid(), :plan, 'centre_approver', :person, 'approved', '', now())"
)
FORBIDDEN = [
    (REQUEST.format(part="endorser"), "requester"),
    (REQUEST.format(part="reviewer"), "requester"),
    (REQUEST.format(part="reviewer"), "endorser"),
    (PLAN.format(part="author"), "requester"),
    (PLAN.format(part="author"), "endorser"),
    (PLAN.format(part="author"), "approver"),
    (PLAN.format(part="applier"), "requester"),
    (PLAN.format(part="applier"), "endorser"),
    (PLAN.format(part="applier"), "author"),
    (PLAN.format(part="applier"), "approver"),
    (PLAN.format(part="requester"), "approver"),
    (PLAN.format(part="endorser"), "approver"),
    (APPROVAL, "requester"),
    (APPROVAL, "endorser"),
    (APPROVAL, "author"),
    (APPROVAL, "approver"),
    ("UPDATE approvals SET approver_id = :person WHERE plan_id = :plan", "author"),
]


@pytest.mark.invariant(20)
def test_the_database_refuses_every_second_part_of_one_person(office: Office) -> None:
    request = acts.approve(office.callers)
    plan = office.approved(office.planned(request))
    allowed = []
    for statement, part in FORBIDDEN:
        with office.engine.connect() as connection:
            values = {"request": request.id, "plan": plan.id}
            try:
                connection.execute(text(statement), values | {"person": person(connection, PARTS[part])})
                allowed.append((statement, part))
            except IntegrityError:
                connection.rollback()
    assert allowed == []


@pytest.mark.invariant(20)
def test_an_administrator_with_every_role_still_has_one_part_only(office: Office) -> None:
    grant(office.engine, "xxh.admin", "centre_reviewer", "centre_approver", "applier", "finance")
    request = acts.submit(office.callers)
    admin = office.callers("xxh.admin")
    office.callers("xxh.admin").accept_request(request.id)
    office.callers("xxh.admin").approve_request(request.id)
    plan = office.planned(request, by="xxh.admin")
    refused = admin.post(f"/plans/{plan.id}/approve", json={"digest": plan.tuple_digest})
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:govcloud:problem:person_twice")
    office.approved(plan)
    refused = admin.post(f"/plans/{plan.id}/apply")
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:govcloud:problem:person_twice")
    assert office.applied(plan).status == "applied"


@pytest.mark.invariant(20)
def test_a_department_never_approves_its_own_plan(office: Office) -> None:
    grant(office.engine, "slj.officer", "centre_approver")
    with office.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO persons (id, username, name_zh, name_en, organisation_code, status, status_at,"
                " version, language)"
                " VALUES (gen_random_uuid(), 'slj.second', '第二', 'Second', 'SLJ', 'active', now(), 1, 'zh')"
            )
        )
    grant(office.engine, "slj.second", "centre_approver")
    plan = office.planned(acts.approve(office.callers))
    answer = office.callers("slj.second").post(
        f"/plans/{plan.id}/approve", json={"digest": plan.tuple_digest}
    )
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:govcloud:problem:own_organisation")


@pytest.mark.invariant(20)
def test_an_approval_and_the_naming_of_its_giver_as_applier_at_the_same_time_cannot_both_succeed(
    office: Office,
) -> None:
    plan = office.planned(acts.approve(office.callers))
    outcome: list[str] = []

    def name_the_applier() -> None:
        try:
            with office.engine.begin() as other:
                who = person(other, "xxh.approver")
                other.execute(text(PLAN.format(part="applier")), {"person": who, "plan": plan.id})
            outcome.append("named")
        except IntegrityError:
            outcome.append("refused")

    with office.engine.begin() as connection:
        who = person(connection, "xxh.approver")
        connection.execute(text(APPROVAL), {"person": who, "plan": plan.id})
        thread = threading.Thread(target=name_the_applier)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive(), "it must wait for the decision"
    thread.join(10)
    assert outcome == ["refused"]


@pytest.mark.invariant(21)
@pytest.mark.parametrize("when", ["before the order", "before the worker begins"])
@pytest.mark.parametrize("loss", ["deactivated", "role ended"])
def test_the_approval_of_somebody_who_lost_the_right_does_not_count_at_apply(
    office: Office, loss: str, when: str
) -> None:
    request = acts.approve(office.callers)
    plan = office.approved(office.planned(request))
    if when == "before the worker begins":
        office.callers("csp1.applier").apply_plan(plan.id)
    with office.engine.begin() as connection:
        connection.execute(text(LOSSES[loss]), {"person": person(connection, "xxh.approver")})
    if when == "before the order":
        answer = office.callers("csp1.applier").post(f"/plans/{plan.id}/apply")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:govcloud:problem:not_approved")
    office.work()
    assert office.cloud.objects == {}
    assert acts.hold_of(office.request(request)).status == "live"


LOSSES = {
    "deactivated": "UPDATE persons SET status = 'deactivated' WHERE id = :person",
    "role ended": "UPDATE role_grants SET valid_to = '2019-06-19' WHERE person_id = :person",
}


def test_a_deactivated_person_is_out_at_once(office: Office) -> None:
    clerk = office.callers("slj.clerk")
    assert clerk.get("/me").status_code == 200
    with office.engine.begin() as connection:
        connection.execute(text(LOSSES["deactivated"]), {"person": person(connection, "slj.clerk")})
    assert clerk.get("/me").status_code == 401


def test_a_role_that_ended_yesterday_or_begins_tomorrow_is_no_right(office: Office) -> None:
    reviewing = office.callers("xxh.reviewer")
    with office.engine.begin() as connection:
        reviewer = person(connection, "xxh.reviewer")
        connection.execute(
            text("UPDATE role_grants SET valid_from = '2019-06-20' WHERE person_id = :person"),
            {"person": reviewer},
        )
    accept = f"/requests/{acts.submit(office.callers).id}/accept"
    assert reviewing.post(accept).status_code == 404
    office.pass_time(days=1)
    assert reviewing.post(accept).status_code == 200
