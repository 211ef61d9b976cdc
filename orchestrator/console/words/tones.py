"""Colours for the codes of `labels`: wait, busy, good, bad; grey for every other."""

from collections.abc import Mapping

TONES: Mapping[str, Mapping[str, str]] = {
    "content_revision": {"proposed": "wait", "loaded": "good", "rejected": "bad"},
    "content_verdict": {"remove": "bad"},
    "request": {
        "awaiting_endorsement": "wait",
        "submitted": "wait",
        "returned": "bad",
        "accepted": "wait",
        "under_review": "wait",
        "approved": "busy",
        "planned": "busy",
        "cancelling": "wait",
        "in_trial": "good",
        "fulfilled": "good",
        "refused": "bad",
        "rejected": "bad",
    },
    "plan": {
        "submitted": "wait",
        "approved": "busy",
        "applying": "busy",
        "verifying": "busy",
        "applied": "good",
        "rejected": "bad",
        "stale": "bad",
        "expired": "bad",
        "failed": "bad",
    },
    "run": {
        "queued": "wait",
        "running": "busy",
        "verifying": "busy",
        "succeeded": "good",
        "failed": "bad",
    },
    "migration": {
        "assessed": "wait",
        "designed": "wait",
        "resources_ready": "busy",
        "replicating": "busy",
        "rehearsed": "wait",
        "scheduled": "busy",
        "cutting_over": "busy",
        "trial_run": "good",
        "rolled_back": "wait",
        "accepted": "good",
        "finalised": "good",
        "legacy_retired": "good",
        "aborted": "bad",
    },
    "statement": {
        "open": "busy",
        "metered": "wait",
        "issued": "wait",
        "disputed": "bad",
        "escalated": "bad",
        "confirmed": "good",
        "settled": "good",
        "locked": "good",
    },
    "switch_outcome": {
        "under_way": "busy",
        "switched": "good",
        "refused": "wait",
        "reverted": "wait",
        "unknown": "bad",
    },
    "resource": {
        "provisioning": "busy",
        "failed": "bad",
        "trial": "good",
        "active": "good",
        "changing": "busy",
        "suspended": "wait",
        "releasing": "wait",
    },
    "drift": {"none": "good", "found": "bad"},
    "hold": {"live": "wait", "committed": "busy"},
    "verdict": {"pass": "good", "warn": "wait", "escalate": "wait", "block": "bad", "refuse": "bad"},
    "decision": {"waiting": "wait", "approved": "good", "returned": "bad", "refused": "bad"},
}


def tone(code: str, kind: str) -> str:
    """Return the colour class of a code: wait, busy, good or bad; empty for grey."""
    return TONES.get(kind, {}).get(code, "")
