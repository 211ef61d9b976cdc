"""Output of the demo: progress and sentences on stderr, so that stdout is left to programs."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from orchestrator.client.models import DepartmentDetail, DriftFinding, PlanDetail
from orchestrator.core.money import format_cny


class Story:
    """The steps of the demo as a person sees them."""

    def __init__(self, console: Console, steps: int) -> None:
        self.console = console
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task = self.progress.add_task("", total=steps)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step: its title first, its seconds afterwards."""
        began = time.monotonic()
        self.console.print(Text(f"\n▶ {title}", style="bold cyan"))
        self.progress.update(self._task, description=title)
        yield
        self.progress.advance(self._task)
        self.console.print(Text(f"  done in {time.monotonic() - began:.1f} s", style="dim"))

    def doing(self, what: str) -> None:
        """Show the present activity of the step beside the bar."""
        self.progress.update(self._task, description=what)

    def say(self, sentence: str, style: str = "") -> None:
        """Print one sentence; text that people typed stays text."""
        self.console.print(Text(f"  {sentence}", style=style), soft_wrap=True)

    def log_line(self, line: str) -> None:
        """One line of a run's log."""
        self.console.print(Text(f"  │ {line}", style="dim"), overflow="ellipsis", no_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table of plain text."""
        self.console.print(text_table(title, columns, rows))


def text_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table whose cells are text, never markup."""
    table = Table(*columns, title=Text(title) if title else None, title_justify="left")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    return table


def show_plan(story: Story, plan: PlanDetail, department: DepartmentDetail) -> None:
    """The plan as an approver reads it: its changes, cost, use of quota and digest."""
    for sentence in plan.summary.sentences or ():
        story.say(f"{sentence.zh}  {sentence.en}")
    for step in plan.summary.steps or ():
        story.say(f"Runs {step.playbook} on {step.host} ({step.address}).")
    if plan.monthly_fen:
        story.say(f"Costs {format_cny(plan.monthly_fen)} CNY a month by {plan.catalogue_code}.", "bold")
    for item in department.quota:
        if item.zone_class == "production" and plan.kind != "baseline":
            story.say(
                f"Quota {item.resource_class}: limit {item.amount}, held {item.held}, "
                f"committed {item.committed}."
            )
    story.say(f"Digest {plan.tuple_digest}", "bold")


def show_report(story: Story, report: Mapping[str, Any]) -> None:
    """Show the baseline report, one row for each host."""
    rows = [
        (
            host,
            host_report["address"],
            ", ".join(host_report["services"]) or "none",
            ", ".join(map(str, host_report["listening"])) or "none",
            host_report["python"],
            f"{host_report['disk']['used_bytes'] // 1024} KiB",
            "yes" if host_report["isolated"] else "no",
        )
        for host, host_report in sorted(report.items())
    ]
    columns = ("host", "address", "services", "listening", "Python", "disk used", "isolated")
    story.table("Baseline report", columns, rows)


def show_drift(story: Story, findings: Sequence[DriftFinding]) -> None:
    """Show the differences between the real objects and the state."""
    for finding in findings:
        if finding.gone:
            story.say(f"{finding.address} is gone.", "yellow")
        if finding.unknown:
            story.say(f"{finding.address} exists, and no resource knows it.", "yellow")
        for change in finding.changes:
            story.say(
                f"{finding.address}: {change.attribute} should be {change.state!r}, is {change.reality!r}.",
                "yellow",
            )
