"""`relance-emulator`: play scenarios on emulated meters; a file per command.

Reading, playing and writing are apart: a command reads everything it is given, then plays, then
writes. How it ends is `exits`.
"""


def main() -> int:
    """Entry point of the console script; returns its exit status."""
    try:
        # Here, so that Ctrl-C while the program still loads ends it as quietly as later.
        from emulator.cli.app import app  # noqa: PLC0415
        from protocols.rim.terminal import run_app  # noqa: PLC0415

        return run_app(app)
    except KeyboardInterrupt:
        return 130
