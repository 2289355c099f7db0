"""Prints the last lines of `relance demo`: the result, and where the report is."""

import sys
from pathlib import Path

from controller.demo.report_fields import report_fields
from controller.demo.result import Result


def print_end(result: Result, as_json: Path, page: Path) -> None:
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
    lines += [
        f"Report:         {page} (and {as_json})",
        f"Decisions:      {fields['decisions_sha256']}",
        f"Took {result.wall_seconds:.0f} s.",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
