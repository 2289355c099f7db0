"""The entry point of `relance`."""


def run() -> int:
    """Entry point of the console script; returns its exit status."""
    try:
        # Imported here, so that Ctrl-C during the imports ends the program without a traceback too.
        from sqlalchemy.exc import DatabaseError  # noqa: PLC0415

        from controller.commands import app  # noqa: PLC0415
        from controller.database.errors import as_ours  # noqa: PLC0415
        from controller.faces.cli.refusals import in_english  # noqa: PLC0415
        from protocols.cutting.planning import PlanRefusedError  # noqa: PLC0415
        from protocols.rim.terminal import Foreign, run_app  # noqa: PLC0415

        return run_app(app, Foreign(DatabaseError, as_ours), Foreign(PlanRefusedError, in_english))
    except KeyboardInterrupt:
        return 130
