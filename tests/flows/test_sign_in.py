"""Accounts, sessions and tokens: who gets in, for how long, and the stored form of secrets."""

import json
from collections.abc import Iterator
from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import Engine, text

from orchestrator.client.models import Permission, TokenBody
from orchestrator.core import clock
from orchestrator.core.db import transaction
from orchestrator.core.sealing import token_hash
from orchestrator.workflows.people import accounts
from tests.callers import Callers
from tests.factories import make_draft

PASSWORD = "correct horse battery"
HERE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def browser(callers: Callers, engine: Engine) -> Iterator[httpx2.Client]:
    with transaction(engine) as session:
        accounts.set_password(session, "slj.clerk", PASSWORD, "operator:test")
    with httpx2.Client(base_url=callers.address, timeout=30) as client:
        yield client


def sign_in(browser: httpx2.Client, password: str = PASSWORD, username: str = "slj.clerk") -> httpx2.Response:
    document = {"username": username, "password": password}
    return browser.post("/api/v1/session", json=document, headers=HERE)


def me(browser: httpx2.Client) -> int:
    return browser.get("/api/v1/me").status_code


def pass_time(engine: Engine, **span: float) -> None:
    with transaction(engine) as session:
        clock.advance(session, timedelta(**span))


def test_a_password_opens_a_session_in_a_cookie_that_scripts_cannot_read(browser: httpx2.Client) -> None:
    assert me(browser) == 401
    answer = sign_in(browser)
    cookie = answer.headers["set-cookie"].lower()
    assert answer.status_code == 204
    assert all(word in cookie for word in ("httponly", "samesite=lax", "path=/"))
    assert answer.headers["cache-control"] == "no-store"
    assert me(browser) == 200


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(browser: httpx2.Client) -> None:
    wrong, unknown = sign_in(browser, "x" * 12), sign_in(browser, username="nobody.here")
    assert (wrong.status_code, wrong.json()) == (401, unknown.json())


def test_after_five_wrong_passwords_the_account_rests_even_for_the_right_one(
    browser: httpx2.Client, engine: Engine
) -> None:
    assert [sign_in(browser, "x" * 12).status_code for _ in range(5)] == [401] * 5
    locked = sign_in(browser)
    assert (locked.status_code, locked.json()["type"]) == (429, "urn:govcloud:problem:account_locked")
    pass_time(engine, minutes=11)
    assert sign_in(browser).status_code == 204


def test_a_right_password_ends_the_count_of_wrong_ones(browser: httpx2.Client) -> None:
    for _ in range(3):
        assert [sign_in(browser, "x" * 12).status_code for _ in range(4)] == [401] * 4
        assert sign_in(browser).status_code == 204


def test_an_idle_session_ends_and_a_used_one_lasts_until_its_latest_instant(
    browser: httpx2.Client, engine: Engine
) -> None:
    sign_in(browser)
    for _ in range(3):
        pass_time(engine, minutes=25)
        assert me(browser) == 200
    pass_time(engine, minutes=31)
    assert me(browser) == 401
    sign_in(browser)
    for _ in range(26):
        pass_time(engine, minutes=28)
        me(browser)
    assert me(browser) == 401


def test_signing_out_ends_the_session_for_every_copy_of_the_cookie(
    browser: httpx2.Client, callers: Callers
) -> None:
    sign_in(browser)
    with httpx2.Client(base_url=callers.address, cookies=browser.cookies) as copy:
        assert me(copy) == 200
        left = browser.post("/console/sign-out", headers=HERE)
        assert left.status_code in (200, 204, 303)
        assert me(copy) == 401


def test_a_new_password_ends_every_open_session_of_this_person_and_of_nobody_else(
    browser: httpx2.Client, callers: Callers, engine: Engine
) -> None:
    with transaction(engine) as session:
        accounts.set_password(session, "slj.officer", PASSWORD, "operator:test")
    with httpx2.Client(base_url=callers.address) as other, httpx2.Client(base_url=callers.address) as second:
        assert [sign_in(each).status_code for each in (browser, second)] == [204, 204]
        assert sign_in(other, username="slj.officer").status_code == 204
        with transaction(engine) as session:
            accounts.set_password(session, "slj.clerk", "another " + PASSWORD, "operator:test")
        assert [me(each) for each in (browser, second, other)] == [401, 401, 200]
    assert sign_in(browser, "another " + PASSWORD).status_code == 204
    events = callers("sjj.auditor").list_audit_events().items
    answers = [json.loads(event.body)["data"] for event in events if event.action == "identity:password_set"]
    assert answers[0] == {"sessions_ended": 2}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
    ],
)
def test_another_site_cannot_write_with_the_cookie(browser: httpx2.Client, headers: dict[str, str]) -> None:
    sign_in(browser)
    refused = browser.post("/api/v1/requests", json=make_draft(), headers=headers)
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "urn:govcloud:problem:foreign_write"
    assert browser.get("/api/v1/requests").json()["items"] == []
    assert browser.post("/api/v1/requests", json=make_draft(), headers=HERE).status_code == 201


def test_the_wall_does_not_stand_in_the_way_of_tokens(callers: Callers) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert callers("slj.clerk").post("/requests", json=make_draft(), headers=foreign).status_code == 201


@pytest.mark.invariant(24)
def test_of_passwords_sessions_and_tokens_only_hashes_are_stored(
    browser: httpx2.Client, callers: Callers, engine: Engine
) -> None:
    sign_in(browser)
    session = next(iter(browser.cookies.jar)).value or ""
    token = callers("slj.clerk").token
    assert session
    with engine.connect() as connection:
        tables = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ).scalars()
        stored = "".join(
            str(connection.execute(text(f'SELECT t::text FROM "{table}" t')).scalars().all())  # noqa: S608
            for table in tables.all()
        )
    assert token_hash(token) in stored
    for secret in (PASSWORD, session, token, session.split("_", 1)[-1], token.split("_", 1)[-1]):
        assert secret not in stored


def test_a_token_is_shown_once_expires_and_can_be_revoked(callers: Callers, engine: Engine) -> None:
    clerk = callers("slj.clerk")
    scopes = (Permission.REQUESTS_READ, Permission.TOKENS_OWN)
    wish = TokenBody(name="script", scopes=scopes, expires_in_days=2)
    made = clerk.create_token(wish)
    listed = clerk.list_tokens()
    assert [one.name for one in listed] == ["script", "test"]
    assert listed[0].id == made.id
    stored = clerk.get("/tokens")
    assert "token" not in stored.json()[0]
    assert made.token not in stored.text
    headers = {"Authorization": f"Bearer {made.token}"}
    assert callers.http.get("/api/v1/requests", headers=headers).status_code == 200
    clerk.revoke_token(made.id)
    assert callers.http.get("/api/v1/requests", headers=headers).status_code == 401
    other = clerk.create_token(wish)
    headers = {"Authorization": f"Bearer {other.token}"}
    pass_time(engine, days=2, minutes=1)
    assert callers.http.get("/api/v1/requests", headers=headers).status_code == 401


def test_nobody_revokes_the_token_of_another(callers: Callers) -> None:
    made = callers("slj.clerk").create_token(TokenBody(name="x", scopes=(Permission.REQUESTS_READ,)))
    assert callers("slj.officer").delete(f"/tokens/{made.id}").status_code == 404
    assert callers("xxh.admin").delete(f"/tokens/{made.id}").status_code == 404


def test_a_token_never_carries_more_than_its_maker_has_now(callers: Callers) -> None:
    beyond = callers("slj.clerk").post("/tokens", json={"name": "x", "scopes": ["plans:approve"]})
    assert (beyond.status_code, beyond.json()["field"]) == (422, "scopes")
    narrow = callers("slj.clerk").create_token(TokenBody(name="n", scopes=(Permission.TOKENS_OWN,)))
    wider = callers.http.post(
        "/api/v1/tokens",
        json={"name": "w", "scopes": ["requests:draft"]},
        headers={"Authorization": f"Bearer {narrow.token}"},
    )
    assert wider.status_code == 422


MALFORMED = [b"Bearer", b"Bearer \xfc", b"Basic abc", b"bearer x y", b"Bearer " + b"x" * 5000]


@pytest.mark.parametrize("value", MALFORMED)
def test_a_malformed_authorization_is_unauthorised_and_no_error(callers: Callers, value: bytes) -> None:
    answer = callers.http.get("/api/v1/me", headers=[(b"Authorization", value)])
    assert answer.status_code == 401
