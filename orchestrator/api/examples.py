"""Examples of bodies, by the name of their schema, and of responses, by the name of their operation.

They follow one request of the water bureau; a test validates each against its schema.
"""

from typing import Any, Final

REQUEST: Final = "7a3f0c52-6c1e-4b7e-9a4e-0d5f6c2b1a90"
PLAN: Final = "0b9d6f34-7d2c-4f0a-8e1b-5a6c7d8e9f01"
RUN: Final = "c4e8a1d2-3b5f-4c6a-9d7e-1f2a3b4c5d6e"
WORKSPACE: Final = "5d2b8c1e-9f3a-4e7b-8a6d-2c1b0a9f8e7d"
RESOURCE: Final = "9e1f7a6b-2c3d-4e5f-8a9b-0c1d2e3f4a5b"
STATEMENT: Final = "3c4d5e6f-7a8b-4c9d-8e0f-1a2b3c4d5e6f"
MIGRATION: Final = "6f7e8d9c-0b1a-4928-8374-655647382910"
CLERK: Final = "11111111-2222-4333-8444-555555555501"
OFFICER: Final = "11111111-2222-4333-8444-555555555502"
REVIEWER: Final = "11111111-2222-4333-8444-555555555503"
APPROVER: Final = "11111111-2222-4333-8444-555555555504"
APPLIER: Final = "11111111-2222-4333-8444-555555555505"
DIGEST: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

LINE: Final[dict[str, Any]] = {
    "key": "web",
    "label": "前置服务器",
    "purpose": "app",
    "image": "debian-12",
    "count": 2,
    "vcpu": 4,
    "memory_gb": 16,
    "disk_gb": 250,
    "disk_tier": "SSD",
    "backup_gb": 250,
    "host_services": [],
    "ports": [443],
}
MIGRATION_PLAN: Final = """plan: flood-warning
title: 山洪灾害监测预警系统迁移
system: SYS-019
source: {host: legacy-1, reached_by: ssh, address: 10.20.0.11}
target: {host: web}
database: {name: app, writers: [app]}
folders: [srv/app/uploads]
"""

BODIES: Final[dict[str, Any]] = {
    "Credentials": {"username": "slj.clerk", "password": "correct horse battery staple"},
    "TokenBody": {
        "name": "laptop",
        "scopes": ["requests:draft", "requests:read"],
        "expires_in_days": 30,
    },
    "QuoteBody": {"lines": [LINE | {"pool": "EXT-X86"}]},
    "RequestDraft": {
        "kind": "provision",
        "system": "SYS-019",
        "zone_class": "production",
        "title": "山洪灾害监测预警系统资源申请",
        "justification": "汛期监测数据接入。",
        "lines": [LINE | {"pool": "EXT-X86"}],
    },
    "ReasonBody": {"reason": "请补充数据盘容量的测算依据。"},
    "DigestBody": {"digest": DIGEST},
    "MigrationRegistration": {"plan": MIGRATION_PLAN, "file": "flood.yml", "request": "GC-2019-0001"},
    "PauseMeasurement": {"longest_ms": 41.5, "at_fence_ms": 39.2},
    "RetirementBody": {"stopped_on": "2019-08-01", "sanitisation": "三次覆写并登记", "remark": ""},
    "DisputeDecision": {"upheld": False, "reason": "用量与资源事件一致，维持原确认单。"},
    "UsageCorrectionBody": {
        "day": "2019-06-20",
        "skus": [{"sku": "EVS-SSD", "quantity": "250"}],
        "reason": "数据盘实际容量为250 GB。",
    },
}

_SUMMARY: Final[dict[str, Any]] = {
    "id": REQUEST,
    "number": "GC-2019-0001",
    "kind": "provision",
    "organisation_code": "SLJ",
    "system_code": "SYS-019",
    "zone_class": "production",
    "target_workspace_id": None,
    "title": "山洪灾害监测预警系统资源申请",
    "justification": "汛期监测数据接入。",
    "status": "submitted",
    "status_at": "2019-06-19T01:10:00Z",
    "version": 4,
    "requester_id": CLERK,
    "endorser_id": OFFICER,
    "reviewer_id": None,
    "created_at": "2019-06-19T01:00:00Z",
    "submitted_at": "2019-06-19T01:10:00Z",
    "reason": None,
    "catalogue_code": "CAT-2019-01",
    "monthly_fen": 101600,
    "year_fen": 650240,
}
_QUOTE_LINES: Final = [
    {"sku": "BAK-VM", "quantity": 500, "price_fen": 20, "amount_fen": 10000},
    {"sku": "ECS-X86-CPU", "quantity": 8, "price_fen": 4200, "amount_fen": 33600},
    {"sku": "ECS-X86-MEM", "quantity": 32, "price_fen": 1500, "amount_fen": 48000},
    {"sku": "EVS-SSD", "quantity": 500, "price_fen": 20, "amount_fen": 10000},
]
_RUN: Final[dict[str, Any]] = {
    "id": RUN,
    "kind": "apply",
    "workspace_id": WORKSPACE,
    "plan_id": PLAN,
    "organisation_code": "SLJ",
    "status": "succeeded",
    "status_at": "2019-06-19T02:05:00Z",
    "created_at": "2019-06-19T02:00:00Z",
    "started_at": "2019-06-19T02:00:01Z",
    "finished_at": "2019-06-19T02:05:00Z",
    "attempt": 1,
    "exit_code": 0,
    "reason": None,
    "reason_zh": None,
    "next_step": None,
    "next_step_zh": None,
    "outcome": {"report": {}, "objects": ["instance/web", "volume/web-data"]},
}
_STATEMENT_LINE: Final[dict[str, Any]] = {
    "position": 1,
    "kind": "ordinary",
    "month": "2019-06",
    "resource_id": RESOURCE,
    "address": "volume/web-data",
    "system": "SYS-019",
    "zone": "extranet",
    "sku": "EVS-SSD",
    "quantity": "250.000000",
    "state": "active",
    "catalogue": "CAT-2019-01",
    "price_fen": 20,
    "percent_of_spec": None,
    "discount_percent": "0.00",
    "starts": "2019-06-19",
    "ends": "2019-07-01",
    "month_days": 30,
    "amount_fen": 2000,
    "payers": ["SLJ"],
    "shares_fen": [2000],
    "run_id": RUN,
    "reverses_statement_id": None,
    "reverses_position": None,
}

RESPONSES: Final[dict[str, Any]] = {
    "read_me": {
        "person_id": CLERK,
        "name": "王敏",
        "name_en": "Wang Min",
        "organisation": "SLJ",
        "roles": ["department_clerk"],
        "permissions": ["requests:draft", "requests:read", "tokens:own"],
    },
    "quote_lines": {
        "catalogue": "CAT-2019-01",
        "monthly_fen": 101600,
        "year_fen": 650240,
        "lines": _QUOTE_LINES,
    },
    "list_requests": {"items": [_SUMMARY], "next": "/api/v1/requests?cursor=GC-2019-0001&limit=1"},
    "read_request": _SUMMARY
    | {
        "lines": [LINE | {"pool_code": "EXT-X86"}],
        "quote": {
            "lines": _QUOTE_LINES,
            "basis": DIGEST,
            "budget_line": STATEMENT,
            "commitments": [],
            "budgets": {STATEMENT: 650240},
        },
        "judgement": [
            {
                "rule_id": "R-16",
                "verdict": "pass",
                "stops": False,
                "clause": "",
                "quote_zh": "",
                "message_zh": "",
                "message_en": "",
                "facts": [["quota.production/vcpu", "production/vcpu: 8 + 0 + 0, limit 200"]],
                "missing": [],
            }
        ],
        "hold": {
            "status": "live",
            "expires_at": "2019-07-19T01:10:00+00:00",
            "amounts": {"quota:production:vcpu": 8, "pool:EXT-X86:vcpu": 8},
        },
        "comments": [],
        "removals": [],
    },
    "read_plan": {
        "id": PLAN,
        "number": "EP-2019-0001",
        "kind": "provision",
        "request_id": REQUEST,
        "workspace_id": WORKSPACE,
        "organisation_code": "SLJ",
        "status": "submitted",
        "status_at": "2019-06-19T01:40:00Z",
        "version": 3,
        "reason": None,
        "reason_zh": None,
        "created_at": "2019-06-19T01:38:00Z",
        "expires_at": "2019-06-22T01:40:00Z",
        "author_id": REVIEWER,
        "applier_id": None,
        "required_approvals": ["centre_approver"],
        "tuple_digest": DIGEST,
        "monthly_fen": 101600,
        "catalogue_code": "CAT-2019-01",
        "summary": {
            "counts": {"create": 1, "update": 0, "delete": 0, "replace": 0},
            "sentences": [
                {
                    "action": "create",
                    "en": "Creates disk web-data (250 GB SSD).",
                    "zh": "新建云硬盘 web-data（250 GB SSD）。",
                }
            ],
            "steps": [],
        },
        "findings": [],
        "members": {"plan_id": PLAN, "kind": "provision", "workspace": "slj-2019-0001", "state_serial": 0},
        "changes": [
            {
                "address": 'sandbox_volume.volume["web-data"]',
                "logical": "volume/web-data",
                "type": "sandbox_volume",
                "kind": "volume",
                "action": "create",
                "before": {},
                "after": {"size_gb": 250, "tier": "SSD"},
                "unknown": {"id": True},
                "never_worked": False,
                "deposed": False,
            }
        ],
        "approvals": [],
        "missing_approvals": ["centre_approver"],
        "runs": [],
    },
    "read_run": _RUN,
    "read_resource": {
        "id": RESOURCE,
        "workspace_id": WORKSPACE,
        "address": "volume/web-data",
        "kind": "volume",
        "request_id": REQUEST,
        "organisation_code": "SLJ",
        "system_code": "SYS-019",
        "status": "active",
        "status_at": "2019-06-19T02:10:00Z",
        "version": 3,
        "cloud_id": "vol-000001",
        "ip_address": None,
        "trial_ends_on": None,
        "opened_on": "2019-06-19",
        "released_on": None,
        "spec": {"size_gb": 250, "tier": "SSD"},
        "drift": {},
    },
    "list_migrations": {
        "items": [
            {
                "id": MIGRATION,
                "number": "MG-2019-0001",
                "plan_key": "flood-warning",
                "plan_digest": DIGEST,
                "title": "山洪灾害监测预警系统迁移",
                "system_code": "SYS-019",
                "organisation_code": "SLJ",
                "request_id": REQUEST,
                "status": "trial_run",
                "status_at": "2019-06-19T14:00:00Z",
                "version": 12,
                "created_at": "2019-06-19T03:00:00Z",
                "reason": None,
                "reason_zh": None,
                "next_step": None,
                "next_step_zh": None,
                "serving_side": "target",
                "serving_address": "10.30.0.7",
                "trial_since": "2019-06-19",
            }
        ],
        "next": None,
    },
    "read_statement": {
        "id": STATEMENT,
        "organisation_code": "SLJ",
        "month": "2019-06-01",
        "revision": 1,
        "replaces_id": None,
        "number": "ST-2019-06-SLJ",
        "status": "issued",
        "version": 3,
        "line_count": 8,
        "total_fen": 40640,
        "issued_on": "2019-07-01",
        "answer_due": "2019-07-08",
        "digest": DIGEST,
        "verified_by_id": REVIEWER,
        "confirmed_by_id": None,
        "confirmed_on": None,
        "disputed_by_id": None,
        "dispute_reason": None,
        "decided_by_id": None,
        "decision_reason": None,
    },
    "list_statement_lines": {
        "items": [_STATEMENT_LINE],
        "next": f"/api/v1/statements/{STATEMENT}/lines?cursor=1&limit=1",
    },
    "read_usage_report": {
        "year": 2019,
        "departments": [
            {
                "organisation": "SLJ",
                "name_zh": "市水利局",
                "name_en": "Water Resources Bureau",
                "appropriated_fen": 5000000,
                "held_fen": 0,
                "committed_fen": 642240,
                "spent_fen": 0,
                "free_fen": 4357760,
                "stated_fen": 40640,
                "months": [
                    {
                        "month": "2019-06",
                        "statement_id": STATEMENT,
                        "number": "ST-2019-06-SLJ",
                        "status": "issued",
                        "total_fen": 40640,
                    }
                ],
            }
        ],
        "stated_fen": 40640,
        "stated": "406.40",
    },
    "verify_audit": {
        "ok": True,
        "events": 412,
        "heads": 3,
        "torn_heads": [],
        "findings": [],
        "altered_statements": [],
    },
}
