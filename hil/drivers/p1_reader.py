"""Reads a customer port: telegrams from `/` to `!` and their checksum (DSMR 5.0.2 P1, §6.2)."""

import time
from typing import Final

from emulator.faces.p1.crc import crc16
from hil.byte_port import BytePort
from hil.capabilities import BenchError
from protocols.instants import SECOND_MS

# A telegram comes every second; a late one, and one that was caught in its middle, are waited for.
TELEGRAM_MS_MAX: Final = 5_000
TELEGRAM_BYTES_MAX: Final = 32 * 1024
_CHECKSUM_DIGITS: Final = 4


class P1Reader:
    """`CustomerPort`. Telegrams that came before one is asked for are forgotten."""

    def __init__(self, port: BytePort, where: str) -> None:
        self._port = port
        self._where = where

    def telegram(self) -> str:
        """As `CustomerPort`. One that is damaged is passed over."""
        self._port.forget()
        held, damaged = b"", 0
        until_s = time.monotonic() + TELEGRAM_MS_MAX / SECOND_MS
        while (left_s := until_s - time.monotonic()) > 0:
            held += self._port.receive(max(1, int(left_s * SECOND_MS)))
            while (found := take_telegram(held)) is not None:
                telegram, held = found
                if telegram is not None:
                    return telegram
                damaged += 1
            held = held[-TELEGRAM_BYTES_MAX:]
        came = f"{damaged} with a wrong checksum" if damaged else f"{held[-80:]!r}" if held else "nothing"
        raise BenchError(
            f"P1 {self._where}: a whole telegram within {TELEGRAM_MS_MAX} ms expected; found: {came}"
        )


def take_telegram(held: bytes) -> tuple[str | None, bytes] | None:
    """The first telegram that has come to its end, and what is behind it; None for one that is damaged."""
    end = held.find(b"!")
    if end < 0 or len(held) < end + 1 + _CHECKSUM_DIGITS:
        return None
    begin = held.rfind(b"/", 0, end)
    digits, rest = held[end + 1 : end + 1 + _CHECKSUM_DIGITS], held[end + 1 + _CHECKSUM_DIGITS :]
    body = held[max(begin, 0) : end + 1]
    is_right = begin >= 0 and digits == b"%04X" % crc16(body)
    return (body.decode("latin-1") if is_right else None), rest
