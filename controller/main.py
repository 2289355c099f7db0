"""The entry point of `relance`, and its commands gathered."""


def run() -> int:
    """Entry point of the console script; returns its exit status."""
    try:
        # Here, so that Ctrl-C while the program still loads ends it as quietly as later.
        from controller.commands import app  # noqa: PLC0415
        from controller.faces.cli.exits import run_app  # noqa: PLC0415

        return run_app(app)
    except KeyboardInterrupt:
        return 130
