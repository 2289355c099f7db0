"""Examples at the end of a command's `--help`."""

from protocols.rim import commands


def examples(*shown: str) -> str:
    """The epilog that shows commands of `relance`, each on a line of its own as it would be typed."""
    return commands.examples("relance", *shown)
