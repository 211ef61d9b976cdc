"""A value that Terraform marks as sensitive never leaves the plan in clear."""

import json
from typing import Any

from orchestrator.runs.plan_masking import MASK, mask_sensitive

SECRET = "hunter2-s3cret"


def change(**sides: Any) -> dict[str, Any]:
    return {"address": "terraform_data.a", "change": {"actions": ["update"], **sides}}


def test_a_marked_leaf_is_hidden_and_its_neighbours_stay() -> None:
    item = change(
        before={"user": "app", "password": SECRET},
        after={"user": "app", "password": "another-secret", "size": 4},
        before_sensitive={"password": True},
        after_sensitive={"password": True},
    )
    masked = mask_sensitive({"resource_changes": [item]})["resource_changes"][0]["change"]
    assert masked["before"] == {"user": "app", "password": MASK}
    assert masked["after"] == {"user": "app", "password": MASK, "size": 4}


def test_a_value_that_is_sensitive_as_a_whole_is_hidden_whatever_its_shape() -> None:
    item = change(before=None, after={"a": [1, {"b": SECRET}]}, before_sensitive=False, after_sensitive=True)
    masked = mask_sensitive({"resource_drift": [item]})["resource_drift"][0]["change"]
    assert (masked["before"], masked["after"]) == (None, MASK)


def test_marks_inside_lists_follow_the_position() -> None:
    item = change(after={"l": ["open", SECRET, "later"]}, after_sensitive={"l": [False, True]})
    masked = mask_sensitive({"resource_changes": [item]})["resource_changes"][0]["change"]
    assert masked["after"] == {"l": ["open", MASK, "later"]}


def test_outputs_variables_and_defaults_follow_their_flags() -> None:
    plan = {
        "variables": {"password": {"value": SECRET}, "name": {"value": "app"}},
        "configuration": {
            "root_module": {
                "variables": {"password": {"sensitive": True, "default": SECRET}, "name": {"default": "app"}},
                "module_calls": {
                    "inner": {"module": {"variables": {"key": {"sensitive": True, "default": SECRET}}}}
                },
            }
        },
        "planned_values": {
            "outputs": {"o": {"sensitive": True, "value": SECRET}, "p": {"sensitive": False, "value": "app"}}
        },
        "output_changes": {
            "o": {"before": None, "after": SECRET, "before_sensitive": False, "after_sensitive": True}
        },
    }
    masked = mask_sensitive(plan)
    assert SECRET not in json.dumps(masked)
    assert masked["variables"]["name"] == {"value": "app"}
    assert masked["planned_values"]["outputs"]["p"]["value"] == "app"


def test_values_in_the_state_and_in_nested_modules_are_hidden() -> None:
    resource = {"values": {"key": SECRET, "id": "1"}, "sensitive_values": {"key": True}}
    module = {"resources": [resource], "child_modules": [{"resources": [resource]}]}
    masked = mask_sensitive(
        {"planned_values": {"root_module": module}, "prior_state": {"values": {"root_module": module}}}
    )
    assert SECRET not in json.dumps(masked)
    assert masked["planned_values"]["root_module"]["child_modules"][0]["resources"][0]["values"]["id"] == "1"


def test_a_secret_is_hidden_where_terraform_forgot_its_mark() -> None:
    item = change(
        after={"input": SECRET, "output": {"copy": SECRET, "flag": "true"}}, after_sensitive={"input": True}
    )
    masked = mask_sensitive({"resource_changes": [item]})["resource_changes"][0]["change"]
    assert masked["after"] == {"input": MASK, "output": {"copy": MASK, "flag": "true"}}


def test_a_short_hidden_text_is_hidden_only_where_it_is_marked() -> None:
    item = change(after={"pin": "true", "enabled": "true"}, after_sensitive={"pin": True})
    masked = mask_sensitive({"resource_changes": [item]})["resource_changes"][0]["change"]
    assert masked["after"] == {"pin": MASK, "enabled": "true"}


def test_the_original_is_not_changed_and_masking_twice_changes_nothing_more() -> None:
    item = change(after={"password": SECRET}, after_sensitive={"password": True})
    plan = {"resource_changes": [item], "deferred_changes": [{"reason": "x", "resource_change": item}]}
    before = json.dumps(plan)
    once = mask_sensitive(plan)
    assert json.dumps(plan) == before
    assert SECRET not in json.dumps(once)
    assert mask_sensitive(once) == once
