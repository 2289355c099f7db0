"""The entry point of `relance`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protocols.rim.terminal import Foreign


def run() -> int:
    """Entry point of the console script; returns its exit status."""
    try:
        # Imported here, so that Ctrl-C during the imports ends the program without a traceback too.
        from controller.commands import app  # noqa: PLC0415
        from protocols.rim.terminal import run_app  # noqa: PLC0415

        return run_app(app, _foreign)
    except KeyboardInterrupt:
        return 130


def _foreign() -> "Sequence[Foreign]":
    """The errors that are not ours, asked for at an error: `--help` does not wait for the store's library."""
    from sqlalchemy.exc import DatabaseError  # noqa: PLC0415

    from controller.database.errors import as_ours  # noqa: PLC0415
    from controller.faces.cli.refusals import in_english  # noqa: PLC0415
    from protocols.cutting.planning import PlanRefusedError  # noqa: PLC0415
    from protocols.rim.terminal import Foreign  # noqa: PLC0415

    return Foreign(DatabaseError, as_ours), Foreign(PlanRefusedError, in_english)
