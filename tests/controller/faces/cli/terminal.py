"""A fake person at a pseudo-terminal: waits for each prompt, and types."""

import os
import pty
import select
from collections.abc import Mapping, Sequence

PATIENCE_S = 60.0
CTRL_C = b"\x03"


def type_at_prompts(
    argv: Sequence[str], seen: Mapping[str, str], answers: Sequence[tuple[str, bytes]]
) -> tuple[int, str]:
    """Start a program, and type each answer after its prompt; returns its status and all its output."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(argv[0], list(argv), dict(seen))  # noqa: S606 # our own program, without a shell
    shown, heard = b"", 0
    for prompt, answer in answers:
        while (found := shown.find(prompt.encode(), heard)) < 0:
            assert select.select([terminal], [], [], PATIENCE_S)[0], shown
            shown += os.read(terminal, 4_096)
        heard = found + len(prompt)
        os.write(terminal, answer)
    shown += _rest(terminal)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown.decode()


def _rest(terminal: int) -> bytes:
    rest = b""
    while select.select([terminal], [], [], PATIENCE_S)[0]:
        try:
            data = os.read(terminal, 4_096)
        except OSError:  # so Linux says that nobody holds the other end any more
            break
        rest += data
        if not data:
            break
    return rest
