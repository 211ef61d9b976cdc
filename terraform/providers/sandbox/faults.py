"""Injected faults for tests: the next creates of a kind fail, are delayed, or make a broken object."""

from typing import Any

from specs import CloudError, checked_kind, count, text

MODES = ("fail", "delay", "fail_after", "broken")
LONGEST_DELAY = 3600


class Faults:
    """Pending faults, oldest first. A restart of the cloud drops them."""

    def __init__(self) -> None:
        self.waiting: list[dict[str, Any]] = []

    def add(self, request: dict[str, Any]) -> None:
        """Add a fault {kind, mode, count = 1, seconds = 0, message}. Raises CloudError 400."""
        mode, seconds = request.get("mode"), request.get("seconds", 0)
        if mode not in MODES:
            raise CloudError(400, f"mode: {mode!r} is not one of {', '.join(MODES)}")
        if not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_DELAY:
            raise CloudError(400, f"seconds: {seconds!r} is not a number from 0 to {LONGEST_DELAY}")
        self.waiting.append(
            {
                "kind": checked_kind(request.get("kind")),
                "mode": mode,
                "count": count("count", request.get("count", 1)),
                "seconds": seconds,
                "message": text("message", request.get("message", "injected fault")),
            }
        )

    def take(self, kind: str) -> dict[str, Any]:
        """Consume and return the fault for the next create of this kind; an empty dict if there is none."""
        for fault in self.waiting:
            if fault["kind"] == kind:
                fault["count"] -= 1
                self.waiting = [other for other in self.waiting if other["count"] > 0]
                return fault
        return {}
