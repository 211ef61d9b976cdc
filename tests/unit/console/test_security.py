import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from orchestrator.console.frame.security import CONTENT_POLICY, PageSecurity
from orchestrator.console.frame.static import AssetFiles, static_url


def ok(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.method)


@pytest.fixture
def client() -> TestClient:
    methods = ["GET", "POST"]
    app = Starlette(
        routes=[
            Mount("/static", AssetFiles()),
            Route("/console/act", ok, methods=methods),
            Route("/api/v1/act", ok, methods=methods),
        ]
    )
    return TestClient(PageSecurity(app, session_cookie="session"))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://testserver"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"origin": "http://testserver"}, 200),
        ({"origin": "http://testserver.example.com"}, 403),
        ({"origin": "null"}, 403),
        ({}, 403),
    ],
)
def test_a_write_passes_only_from_our_own_page(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    assert client.post("/console/act", headers=headers).status_code == status


def test_reading_needs_no_proof_of_origin(client: TestClient) -> None:
    assert client.get("/console/act", headers={"sec-fetch-site": "cross-site"}).status_code == 200


def test_a_session_cookie_cannot_be_used_by_another_site_on_the_api(client: TestClient) -> None:
    cross = {"sec-fetch-site": "cross-site"}
    assert client.post("/api/v1/act", headers={**cross, "cookie": "session=x"}).status_code == 403
    assert client.post("/api/v1/act", headers={**cross, "authorization": "Bearer gc_x"}).status_code == 200


def test_every_answer_carries_the_strict_content_policy(client: TestClient) -> None:
    for response in (client.get("/console/act"), client.post("/console/act"), client.get("/missing")):
        assert response.headers["content-security-policy"] == CONTENT_POLICY
        assert response.headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in CONTENT_POLICY


def test_a_file_is_kept_forever_only_under_the_address_with_its_hash(client: TestClient) -> None:
    hashed = client.get(static_url("gov.css"))
    assert hashed.status_code == 200
    assert "immutable" in hashed.headers["cache-control"]
    assert client.get("/static/gov.css").headers["cache-control"] == "no-cache"
