"""Hides sensitive values in Terraform's plan JSON; pure.

`terraform show -json` prints sensitive values in clear and marks them beside: a change by
`before_sensitive` and `after_sensitive`, a resource's values by `sensitive_values`, an output and a
variable by a flag. A mark is true for a whole value, or has the value's shape with true at the leaves.
Marks have gaps: a value that a resource computes from a sensitive input has none. So a text that is hidden in
one place is hidden wherever it is a whole value.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

MASK: Final = "***"
_SHORTEST_SECRET: Final = 6


def mask_sensitive(plan_json: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of the plan with every sensitive value replaced by ``***``; the marks stay."""
    masked = _by_marks(plan_json)
    # Shorter texts ("true", "4") are not secret on their own, and masking all of them would hide the plan.
    secrets = {text for text in _hidden(plan_json, masked) if len(text) >= _SHORTEST_SECRET}
    result: dict[str, Any] = _without(masked, secrets) if secrets else masked
    return result


def _hidden(value: Any, masked: Any) -> Iterator[str]:
    if masked is value:
        return  # Nothing below it was hidden; most of a plan is like that.
    if masked == MASK:
        yield from _texts(value)
    elif isinstance(value, Mapping) and isinstance(masked, Mapping):
        for key in masked.keys() & value.keys():
            yield from _hidden(value[key], masked[key])
    elif isinstance(value, list) and isinstance(masked, list):
        for element, its_masked in zip(value, masked, strict=True):
            yield from _hidden(element, its_masked)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for element in value.values():
            yield from _texts(element)
    elif isinstance(value, list):
        for element in value:
            yield from _texts(element)


def _without(value: Any, secrets: set[str]) -> Any:
    if isinstance(value, str):
        return MASK if value in secrets else value
    if isinstance(value, Mapping):
        return {key: _without(element, secrets) for key, element in value.items()}
    if isinstance(value, list):
        return [_without(element, secrets) for element in value]
    return value


def _by_marks(plan_json: Mapping[str, Any]) -> dict[str, Any]:
    masked = dict(plan_json)
    for key in ("resource_changes", "resource_drift"):
        if key in masked:
            masked[key] = [_masked_resource_change(item) for item in masked[key]]
    if "deferred_changes" in masked:
        masked["deferred_changes"] = [_masked_deferred(item) for item in masked["deferred_changes"]]
    if "output_changes" in masked:
        masked["output_changes"] = {
            name: _masked_change(change) for name, change in masked["output_changes"].items()
        }
    if "planned_values" in masked:
        masked["planned_values"] = _masked_values(masked["planned_values"])
    if "prior_state" in masked:
        masked["prior_state"] = _masked_state(masked["prior_state"])
    return _masked_variables(masked)


def _masked(value: Any, mark: Any) -> Any:
    if mark is True:
        return None if value is None else MASK
    if isinstance(mark, Mapping) and isinstance(value, Mapping):
        return {key: _masked(element, mark.get(key)) for key, element in value.items()}
    if isinstance(mark, list) and isinstance(value, list):
        marks = mark + [None] * (len(value) - len(mark))
        return [_masked(element, its_mark) for element, its_mark in zip(value, marks, strict=False)]
    return value


def _masked_change(change: Mapping[str, Any]) -> dict[str, Any]:
    masked = dict(change)
    for side in ("before", "after"):
        if side in masked:
            masked[side] = _masked(masked[side], masked.get(f"{side}_sensitive"))
    # The configuration that Terraform writes for an imported object repeats its attributes in clear.
    masked.pop("generated_config", None)
    return masked


def _masked_resource_change(change: Mapping[str, Any]) -> dict[str, Any]:
    return {**change, "change": _masked_change(change["change"])}


def _masked_deferred(deferred: Mapping[str, Any]) -> dict[str, Any]:
    return {**deferred, "resource_change": _masked_resource_change(deferred["resource_change"])}


def _masked_state(state: Mapping[str, Any]) -> dict[str, Any]:
    return {**state, "values": _masked_values(state["values"])} if "values" in state else dict(state)


def _masked_values(values: Mapping[str, Any]) -> dict[str, Any]:
    masked = dict(values)
    if "outputs" in masked:
        masked["outputs"] = {name: _masked_output(output) for name, output in masked["outputs"].items()}
    if "root_module" in masked:
        masked["root_module"] = _masked_module(masked["root_module"])
    return masked


def _masked_output(output: Mapping[str, Any]) -> dict[str, Any]:
    hidden = output.get("sensitive") and "value" in output
    return {**output, "value": MASK} if hidden else dict(output)


def _masked_module(module: Mapping[str, Any]) -> dict[str, Any]:
    masked = dict(module)
    if "resources" in masked:
        masked["resources"] = [_masked_resource(resource) for resource in masked["resources"]]
    if "child_modules" in masked:
        masked["child_modules"] = [_masked_module(child) for child in masked["child_modules"]]
    return masked


def _masked_resource(resource: Mapping[str, Any]) -> dict[str, Any]:
    if "values" not in resource:
        return dict(resource)
    return {**resource, "values": _masked(resource["values"], resource.get("sensitive_values"))}


def _masked_variables(plan: dict[str, Any]) -> dict[str, Any]:
    root = plan.get("configuration", {}).get("root_module", {})
    sensitive = {name for name, variable in root.get("variables", {}).items() if variable.get("sensitive")}
    if "variables" in plan:
        plan["variables"] = {
            name: {**variable, "value": MASK} if name in sensitive and "value" in variable else variable
            for name, variable in plan["variables"].items()
        }
    if "configuration" in plan and "root_module" in plan["configuration"]:
        plan["configuration"] = {**plan["configuration"], "root_module": _masked_configuration(root)}
    return plan


def _masked_configuration(module: Mapping[str, Any]) -> dict[str, Any]:
    masked = dict(module)
    if "variables" in masked:
        masked["variables"] = {
            name: {**variable, "default": MASK}
            if variable.get("sensitive") and "default" in variable
            else variable
            for name, variable in masked["variables"].items()
        }
    if "module_calls" in masked:
        masked["module_calls"] = {
            name: {**call, "module": _masked_configuration(call["module"])} if "module" in call else call
            for name, call in masked["module_calls"].items()
        }
    return masked
