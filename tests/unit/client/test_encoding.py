"""Models are read from JSON and written as JSON, also by a client that is older than the service."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from orchestrator.client.encoding import UnexpectedResponse, decode, encode
from orchestrator.client.models import (
    ReasonBody,
    RunDetail,
    RunPage,
    RunStatus,
    SkuUseBody,
    UsageCorrectionBody,
)

RUN_ID = "018f0000-0000-7000-8000-000000000001"
RUN: dict[str, Any] = {
    "id": RUN_ID,
    "kind": "plan",
    "workspace_id": RUN_ID,
    "plan_id": None,
    "organisation_code": "SLJ",
    "status": "running",
    "status_at": "2019-06-19T01:00:00.250000Z",
    "created_at": "2019-06-19T01:00:00Z",
    "started_at": None,
    "finished_at": None,
    "attempt": 1,
    "exit_code": None,
    "reason": None,
    "reason_zh": None,
    "next_step": None,
    "next_step_zh": None,
    "outcome": {"findings": [{"address": "instance/web", "gone": True, "unknown": False, "changes": []}]},
}


def test_a_response_is_read_into_types_and_written_back_unchanged() -> None:
    page = decode(RunPage, {"next": None, "items": [RUN]})
    (run,) = page.items
    assert (run.id, run.status, run.plan_id) == (UUID(RUN_ID), RunStatus.RUNNING, None)
    assert run.created_at == datetime(2019, 6, 19, 1, tzinfo=UTC)
    assert encode(page) == {"next": None, "items": [RUN]}


def test_members_of_a_newer_service_are_ignored() -> None:
    assert decode(RunDetail, RUN | {"colour": "red"}) == decode(RunDetail, RUN)


def test_a_value_of_a_newer_service_is_kept_and_equals_no_known_one() -> None:
    run = decode(RunDetail, RUN | {"status": "paused"})
    assert isinstance(run.status, RunStatus)
    assert (run.status, f"{run.status}", run.status.value) == ("paused", "paused", "paused")
    assert run.status not in set(RunStatus)
    assert encode(run)["status"] == "paused"


@pytest.mark.parametrize(
    "document",
    [{name: value for name, value in RUN.items() if name != "kind"}, RUN | {"id": "x"}, [], "text", None],
)
def test_a_response_of_another_shape_is_named(document: Any) -> None:
    with pytest.raises(
        UnexpectedResponse, match=r"is not a RunDetail .*Use the client of the service's version"
    ):
        decode(RunDetail, document)


def test_members_that_were_not_given_are_not_sent_and_have_their_defaults() -> None:
    use = SkuUseBody(sku="CPU", quantity=2)
    correction = UsageCorrectionBody(reason="r", day=date(2019, 6, 1), skus=(use,))
    assert encode(correction) == {
        "reason": "r",
        "day": "2019-06-01",
        "skus": [{"sku": "CPU", "quantity": 2}],
    }
    assert (correction.once, correction.state, use.spec) == (False, None, None)
    assert correction == UsageCorrectionBody(reason="r", day=date(2019, 6, 1), skus=(use,), once=False)


def test_a_model_is_frozen_and_compared_by_its_members() -> None:
    reason = ReasonBody(reason="r")
    assert reason == ReasonBody(reason="r")
    assert len({reason, ReasonBody(reason="r"), ReasonBody(reason="s")}) == 2
    assert repr(reason) == "ReasonBody(reason='r')"
    with pytest.raises(AttributeError, match=r"ReasonBody\.reason is read-only"):
        reason.reason = "s"  # type: ignore[misc]


def test_a_model_has_all_members_and_no_other() -> None:
    with pytest.raises(TypeError, match=r"missing members \['reason'\]"):
        ReasonBody()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"unknown members \['why'\]"):
        ReasonBody(reason="r", why="x")  # type: ignore[call-arg]
