"""What a status says: the same of every program."""

import errno

import pytest

from protocols.errors import DocumentError, InputError, RefusedError, RelanceError, UnreachableError
from protocols.rim.terminal import Exit, exit_of, line_of


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RefusedError("no"), 1),
        (InputError("what, where, what is allowed"), 2),
        (DocumentError("JSON is malformed"), 2),
        (UnreachableError("broker"), 3),
    ],
)
def test_an_error_of_ours_has_a_status(error: RelanceError, status: int) -> None:
    assert exit_of(error) == status


def test_the_statuses_are_those_of_the_design() -> None:
    assert sorted(map(int, Exit)) == [0, 1, 2, 3, 130]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied", "keys/anne.pem"),
            "keys/anne.pem: Permission denied",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_what_the_machine_refuses_is_one_line(error: OSError, line: str) -> None:
    assert line_of(error) == line
