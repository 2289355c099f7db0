"""The row in which `serve` writes what it believes of true time, for commands to read.

Nothing is ever read back by `serve`: what a wrong clock wrote must not make a right one doubtful.
"""

from typing import Final

import msgspec
from sqlmodel import Session

from controller.database.tables import SettingRow
from protocols.timing import Judgement

_NAME: Final = "service/clock"
_encoder = msgspec.json.Encoder(order="deterministic")


class ClockWritten(msgspec.Struct, frozen=True, kw_only=True):
    """A judgement of `serve`. `shares_machine`: the timeserver runs on the same machine; None: not known."""

    judged: Judgement
    shares_machine: bool | None


_rows: msgspec.json.Decoder[ClockWritten] = msgspec.json.Decoder(ClockWritten)


def write_clock(session: Session, written: ClockWritten) -> None:
    """Replace the row."""
    row = session.get(SettingRow, _NAME) or SettingRow(name=_NAME, value="")
    row.value = _encoder.encode(written).decode()
    session.add(row)


def read_clock(session: Session) -> ClockWritten | None:
    """What `serve` wrote last; None where it never has, or a later version wrote it in another form."""
    row = session.get(SettingRow, _NAME)
    if row is None:
        return None
    try:
        return _rows.decode(row.value)
    except msgspec.MsgspecError:
        return None
