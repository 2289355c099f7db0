"""Examples at the end of a command's `--help`."""


def examples(*commands: str) -> str:
    """The epilog that shows `commands`, each on a line of its own as it would be typed."""
    return "\n\n".join(("**Examples**", *(f"- `relance {command}`" for command in commands)))
