"""Where an agent listens, and who speaks there: the account itself, and nobody else."""

import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from protocols.errors import InputError
from protocols.rim.agent.messages import LINE_BYTES_MAX

_PEER: Final = struct.Struct("3i")  # pid, uid, gid: struct ucred of unix(7)


def agent_socket(environment: Mapping[str, str], home: Path) -> Path:
    """The socket of this account's agent: in XDG_RUNTIME_DIR, which is the account's, else in the home."""
    runtime = environment.get("XDG_RUNTIME_DIR")
    folder = Path(runtime) / "relance" if runtime and Path(runtime).is_absolute() else home / "agent"
    return folder / f"agent-{os.getuid()}.sock"


def make_place(path: Path) -> None:
    """Make the socket's folder, for this account alone. Raises InputError where others may write there."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.parent.stat()
    except OSError as error:
        raise InputError(f"{path.parent}: cannot be made: {error.strerror}") from None
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise InputError(f"{path.parent}: others may get at it; allowed: a folder of yours with mode 700")


def peer_uid(connection: socket.socket) -> int:
    """The account at the other end, as the kernel says (SO_PEERCRED, unix(7))."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    return int(_PEER.unpack(found)[1])


def read_line(connection: socket.socket) -> bytes:
    """One line, without its end; empty where the other end says nothing more, or too much."""
    data = b""
    while b"\n" not in data and len(data) <= LINE_BYTES_MAX:
        more = connection.recv(LINE_BYTES_MAX)
        if not more:
            return b""
        data += more
    line, end, _ = data.partition(b"\n")
    return line if end and len(line) <= LINE_BYTES_MAX else b""
