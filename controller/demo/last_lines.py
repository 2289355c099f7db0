"""Prints the last lines of `relance demo`: the result, and where the report is."""

import sys
from pathlib import Path

from controller.demo.camera import Fleet
from controller.demo.report import ReportFiles
from controller.demo.report_fields import report_fields
from controller.demo.result import Result
from controller.demo.stage import STORE_FILE


def print_end(result: Result, files: ReportFiles) -> None:
    """Print the counts of cuts, the speed of the release, and the paths of the report."""
    fields = report_fields(result)
    legacy, guarded, release = fields["legacy"], fields["guarded"], fields["release"]
    half, slow = release["seconds_p50"], release["seconds_p99"]
    lines = [
        f"Card meters:    {legacy['early_cuts']} of {legacy['meters']} households cut before their date.",
        (
            f"Guarded meters: {guarded['early_cuts']} of {guarded['meters']}; "
            f"{guarded['cuts_inside_windows']} cuts inside the permitted hours, "
            f"{guarded['cuts_outside_windows']} outside."
        ),
    ]
    if half is not None and slow is not None:
        lines.append(
            f"Release:        {release['restored']} of {release['meters']} back, half within {half:.2f} s, "
            f"99 % within {slow:.2f} s."
        )
    if (by_card := fields["by_card"]) is not None:
        lines.append(
            f"By card alone:  {by_card['early_cuts']} of {by_card['meters']} cut before their date; "
            f"{by_card['back_by_card']} of {by_card['cuts']} cut on Monday came back by card."
        )
    lines += [
        f"Report:         {files.page} (and {files.as_json})",
        f"Curves:         {files.curves}/: each as PNG, and its numbers as CSV",
        *_store_lines(result, files.page.parent / STORE_FILE),
        f"Decisions:      {fields['decisions_sha256']}",
        f"Took {result.wall_seconds:.0f} s.",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _store_lines(result: Result, store: Path) -> list[str]:
    """What the store of the replay is good for: a meter's own account of its cut."""
    cut = [change.meter for change in result.cuts(Fleet.GUARDED)]
    return [
        f"Store:          {store}: orders, reports, black boxes",
        "                With a home made by `relance init` you can ask it:",
        f"  relance meters why {(cut or ['METER'])[0]} --database sqlite:///{store}",
    ]
