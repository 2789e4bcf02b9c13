"""`sim launcher status`: what runs, as a table."""

from rich.console import Console
from rich.table import Table

from sim_bridge.launcher.messages import Report


def print_table(report: Report, console: Console) -> None:
    """A line for each simulator, and a summary."""
    if report.slots:
        table = Table("port", "state", "client", "started", "client's last word")
        for slot in report.slots:
            table.add_row(
                str(slot.port), slot.state, slot.client, f"{slot.age_s:.0f} s ago", f"{slot.silent_s:.0f} s ago"
            )
        console.print(table)
    console.print(
        f"{len(report.slots)} of {report.most} simulators; {report.started} started so far, "
        f"{report.refused} connections refused"
    )
