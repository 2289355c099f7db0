"""What the status of every command line says, and which one an error of ours is (design §10)."""

from enum import IntEnum, unique

from protocols.errors import DocumentError, InputError, RelanceError, UnreachableError


@unique
class Exit(IntEnum):
    """What a status says to the shell."""

    DONE = 0
    NO = 1
    WRONG_INPUT = 2
    NOT_REACHABLE = 3
    INTERRUPTED = 130


def exit_of(error: RelanceError) -> Exit:
    """The status with which a command ends that failed so."""
    match error:
        case InputError() | DocumentError():
            return Exit.WRONG_INPUT
        case UnreachableError():
            return Exit.NOT_REACHABLE
        case _:
            return Exit.NO


def line_of(error: OSError) -> str:
    """One line for what the machine refused where nobody had reckoned with it: `FILE: why`."""
    why = error.strerror or type(error).__name__
    return why if error.filename is None else f"{error.filename}: {why}"
