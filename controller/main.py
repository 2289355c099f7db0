"""The entry point of `relance`."""


def run() -> int:
    """Entry point of the console script; returns its exit status."""
    try:
        # Here, so that Ctrl-C while the program still loads ends it as quietly as later.
        from controller.commands import app  # noqa: PLC0415
        from controller.database.errors import DATABASE_ERRORS  # noqa: PLC0415
        from protocols.rim.terminal import run_app  # noqa: PLC0415

        return run_app(app, DATABASE_ERRORS)
    except KeyboardInterrupt:
        return 130
