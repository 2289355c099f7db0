"""`relance-hil`: ask a meter on a bench the stories of the suite; a file per command."""


def main() -> int:
    """Entry point of the console script; returns its exit status."""
    try:
        # Imported here, so that Ctrl-C while the program loads ends it without a traceback, as later.
        from hil.cli.app import app  # noqa: PLC0415
        from protocols.rim.terminal import run_app  # noqa: PLC0415

        return run_app(app)
    except KeyboardInterrupt:
        return 130
