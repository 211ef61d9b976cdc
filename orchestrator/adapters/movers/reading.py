"""Parse the answers of the programs on the hosts into values of the port. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from orchestrator.adapters.movers.playing import Played
from orchestrator.migrations.findings import Finding, finding, findings
from orchestrator.migrations.kinds import Side, SwitchOutcome
from orchestrator.migrations.movers import Preflight, Progress, Sides, SideState, SwitchResult
from orchestrator.migrations.transfer import Transfer

Answer = Mapping[str, Any]
# States of a table in pg_subscription_rel.
_READY: Final = "r"
_SYNCHRONISED: Final = "s"
_MOST_CLOCK_SECONDS: Final = 2.0
_SPACE_FACTOR: Final = 2
"""Free space that the target needs per byte of the source: tables grow while they are filled and indexed."""


def by_side(transfer: Transfer, played: Played, task: str) -> dict[Side, Answer]:
    """Return the answers to a task by side, without sides that gave none."""
    answers = played.of(task)
    names = {Side.SOURCE: transfer.source.name, Side.TARGET: transfer.target.name}
    return {side: answers[name] for side, name in names.items() if name in answers}


# --- preflight -------------------------------------------------------------------------------------


def preflight(transfer: Transfer, played: Played) -> Preflight:
    """Return all problems of each side, of both sides compared, and of the name."""
    sides = by_side(transfer, played, "Check the side")
    source = sides.get(Side.SOURCE, {"facts": {}})["facts"]
    folders = source.get("folders", [])
    return Preflight(
        findings=(
            *played.refused,
            *_unreachable(played),
            *_reported(sides),
            *_differences(sides),
            *_name(transfer, played),
        ),
        database_bytes=source.get("database", {}).get("bytes", 0),
        file_bytes=sum(folder["bytes"] for folder in folders),
        files=sum(folder["files"] for folder in folders),
    )


def _unreachable(played: Played) -> list[Finding]:
    return [finding("host_away", {"host": host}) for host in sorted(played.unreachable)]


def _reported(sides: Mapping[Side, Answer]) -> list[Finding]:
    """Return the findings that the programs on the hosts reported, the source's first."""
    return [reported for side in Side if side in sides for reported in findings(sides[side]["findings"])]


def _differences(sides: Mapping[Side, Answer]) -> Iterator[Finding]:
    """Compare both sides: versions, extensions, disk space, clocks."""
    if len(sides) < len(Side):
        return
    source, target = sides[Side.SOURCE]["facts"], sides[Side.TARGET]["facts"]
    source_database, target_database = source.get("database", {}), target.get("database", {})
    if source_database and target_database:
        versions = {
            Side.SOURCE.value: source_database["version"] // 10000,
            Side.TARGET.value: target_database["version"] // 10000,
        }
        if versions[Side.TARGET] < versions[Side.SOURCE]:
            yield finding("versions_fall", versions)
        installed, available = source_database.get("extensions", []), target_database["available_extensions"]
        for extension in sorted({*installed} - {*available}):
            yield finding("extension_missing", {"extension": extension})
    source_bytes = source_database.get("bytes", 0) + sum(folder["bytes"] for folder in source["folders"])
    needed = _SPACE_FACTOR * source_bytes
    if target["free_bytes"] < needed:
        yield finding("disk_full", {"free": target["free_bytes"], "needed": needed})
    if (seconds := abs(source["clock"] - target["clock"])) > _MOST_CLOCK_SECONDS:
        yield finding("clocks_differ", {"seconds": round(seconds, 1)})


def _name(transfer: Transfer, played: Played) -> Iterator[Finding]:
    for answer in played.of("Check the name").values():
        if answer["address"] is None:
            yield finding("name_unknown", {"name": answer["record"]})
        elif answer["address"] != transfer.source.address:
            yield finding("name_elsewhere", {"address": answer["address"]})


# --- progress --------------------------------------------------------------------------------------


def progress(transfer: Transfer, played: Played, at: float) -> Progress:
    """Return the progress of the target's copies, with the findings of both sides."""
    sides = by_side(transfer, played, "Read the side")
    target = sides.get(Side.TARGET, {})
    database, pull = target.get("database") or {}, target.get("pull") or {}
    tables, sizes = database.get("tables", []), database.get("sizes", {})
    trouble = _progress_findings(played, sides)
    follows_now = follows(transfer, played, Side.TARGET)
    return Progress(
        at=at,
        tables=len(tables),
        tables_done=sum(state == _READY for _, state, _ in tables),
        database_bytes=sum(sizes.get(name, 0) for name, _, _ in tables),
        database_bytes_done=sum(_copied(sizes.get(name, 0), state, done) for name, state, done in tables),
        files=pull.get("files", 0),
        files_done=min(pull.get("copied_files", 0), pull.get("files", 0)),
        file_bytes=pull.get("bytes", 0),
        file_bytes_done=min(pull.get("copied_bytes", 0), pull.get("bytes", 0)),
        retained_bytes=max((slot["retained_bytes"] or 0 for slot in _slots(sides)), default=0),
        follows=follows_now,
        ready=follows_now and not any(problem.blocking for problem in trouble),
        trouble=trouble,
    )


def _copied(size: int, state: str, done: int) -> int:
    """Return the copied bytes of a table; the server reports them only while the copy runs."""
    return size if state in {_READY, _SYNCHRONISED} else min(size, done)


def _slots(sides: Mapping[Side, Answer]) -> Iterator[Answer]:
    for answer in sides.values():
        yield from (answer.get("database") or {}).get("slots", [])


def _progress_findings(played: Played, sides: Mapping[Side, Answer]) -> tuple[Finding, ...]:
    pull = sides.get(Side.TARGET, {}).get("pull") or {}
    file_errors = [finding("files_away", {"error": pull["error"]})] if pull.get("error") else []
    lost_slots = [
        finding("slot_lost", {"slot": slot["name"]})
        for slot in _slots(sides)
        if slot["wal_status"] in {"lost", "unreserved"}
    ]
    return (*played.refused, *_unreachable(played), *_reported(sides), *file_errors, *lost_slots)


def follows(transfer: Transfer, played: Played, side: Side) -> bool:
    """Return True if `side` has a complete copy and receives the writes of the other side."""
    answer = by_side(transfer, played, "Read the side").get(side)
    if answer is None or not answer["prepared"]:
        return False
    if transfer.database is not None:
        database = answer["database"] or {}
        subscription = database.get("subscription") or {}
        is_complete = all(state == _READY for _, state, _ in database.get("tables", []))
        if not (is_complete and subscription.get("enabled") and subscription.get("running")):
            return False
    pull = answer["pull"] or {}
    return not transfer.folders or (pull.get("passes", 0) > 0 and not pull.get("error"))


def is_unreachable(transfer: Transfer, played: Played, side: Side) -> bool:
    """Return True if the side's host could not be read at all."""
    return side not in by_side(transfer, played, "Read the side")


# --- who serves ------------------------------------------------------------------------------------


def sides(transfer: Transfer, played: Played) -> Sides:
    """Return the state of both sides and the address of the name, as the hosts reported them."""
    answers = by_side(transfer, played, "Read the side")
    names = list(played.of("Read the name").values())
    return Sides(
        source=_state(transfer, answers.get(Side.SOURCE)),
        target=_state(transfer, answers.get(Side.TARGET)),
        name_address=names[0]["address"] if names else None,
    )


def _state(transfer: Transfer, answer: Answer | None) -> SideState:
    if answer is None:
        return SideState(reachable=False, prepared=False, accepts_writes=None)
    if transfer.database is None:
        is_open = all(folder["open"] for folder in answer["folders"])
        return SideState(True, answer["prepared"], is_open)
    database = answer["database"]
    if database is None:
        return SideState(True, answer["prepared"], None)
    fences = tuple((row[0], row[1], row[2], row[3]) for row in database["fences"])
    return SideState(True, answer["prepared"], any(database["writers"].values()), fences)


# --- a cutover or rollback ---------------------------------------------------------------------------


def fenced_for_ms(event: Mapping[str, Any]) -> float | None:
    """Return for how long both sides have been fenced if this event of a running play reports it, or None."""
    data = event.get("event_data", {})
    answer = data.get("res", {}).get("answer", {}) if event.get("event") == "runner_on_ok" else {}
    return answer.get("fenced_for_ms") if data.get("task") == "Switch" else None


def switch_result(answer: Answer, to: Side) -> SwitchResult:
    """Parse the result of a switch."""
    reason = answer.get("reason")
    return SwitchResult(
        outcome=SwitchOutcome(answer["outcome"]),
        to=to,
        key=answer.get("switch"),
        marks=answer["marks"],
        reason=finding(reason["code"], {"side": to.other, **reason["facts"]}) if reason else None,
        fenced_at=answer.get("fence_at"),
        opened_at=answer.get("opened_at"),
        sequences=answer.get("sequences", 0),
        last_files=answer.get("last_files", 0),
        name_switched=bool(answer.get("named", False)),
    )
