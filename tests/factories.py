"""Factories of tests: plain functions with sensible defaults and keyword overrides."""

from datetime import datetime
from typing import Any

from orchestrator.core.clock import CITY
from orchestrator.resource_requests.drafting import RequestDraft

AS_OF = datetime(2019, 6, 19, 9, 0, tzinfo=CITY)
"""The instant at which the sample city is loaded."""


def make_line(**changed: Any) -> dict[str, Any]:
    """One host of the water bureau, as the API takes it: 8 vCPU, 32 GB, 500 GB SSD with backup."""
    line: dict[str, Any] = {
        "key": "web",
        "label": "前置服务器",
        "pool": "EXT-X86",
        "vcpu": 8,
        "memory_gb": 32,
        "disk_gb": 500,
        "backup_gb": 500,
    }
    return line | changed


def make_draft(*lines: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A request of the water bureau for SYS-019, as the API takes it."""
    draft: dict[str, Any] = {
        "title": "山洪灾害监测预警系统资源申请",
        "justification": "汛期监测数据接入。",
        "system": "SYS-019",
        "lines": list(lines) or [make_line()],
    }
    return draft | changed


def a_draft(*lines: dict[str, Any], **changed: Any) -> RequestDraft:
    """The same as the workflows take it."""
    return RequestDraft.model_validate(make_draft(*lines, **changed))
