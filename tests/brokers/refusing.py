"""A broker of a few lines that answers with the reason codes that a test names: MQTT 5, QoS 1 at most."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from protocols.link.carriage import BrokerAddress

_CONNACK, _PUBACK, _SUBACK, _PINGRESP = 0x20, 0x40, 0x90, 0xD0


class RefusingBroker:
    """`puback(topic)` and `suback(filter)` give the reason code of each answer. It delivers nothing."""

    def __init__(self, puback: Callable[[str], int], suback: Callable[[str], int]) -> None:
        self.connects = 0
        self.topics: list[str] = []
        self.filters: list[str] = []
        self._puback = puback
        self._suback = suback

    @asynccontextmanager
    async def running(self) -> AsyncIterator[BrokerAddress]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield BrokerAddress("127.0.0.1", server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                first = (await reader.readexactly(1))[0]
                body = await reader.readexactly(await _length(reader))
                writer.write(self._answer(first, body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other side has gone
        finally:
            # Also when a test has failed: a socket left open would make the next test of its process fail.
            writer.close()

    def _answer(self, first: int, body: bytes) -> bytes:
        match first >> 4:
            case 1:  # CONNECT
                self.connects += 1
                return bytes([_CONNACK, 3, 0, 0, 0])
            case 3:  # PUBLISH
                length = int.from_bytes(body[:2], "big")
                topic = body[2 : 2 + length].decode()
                self.topics.append(topic)
                return bytes([_PUBACK, 4]) + body[2 + length : 4 + length] + bytes([self._puback(topic), 0])
            case 8:  # SUBSCRIBE
                filters = list(_filters(body[3 + body[2] :]))
                self.filters += filters
                codes = bytes(map(self._suback, filters))
                return bytes([_SUBACK, 3 + len(codes)]) + body[:2] + b"\0" + codes
            case 12:  # PINGREQ
                return bytes([_PINGRESP, 0])
            case _:
                return b""


def _filters(data: bytes) -> "list[str]":
    """Each filter of a SUBSCRIBE: its length, its text, one byte of options (MQTT 5 §3.8.3)."""
    found = []
    while data:
        (length,) = struct.unpack(">H", data[:2])
        found.append(data[2 : 2 + length].decode())
        data = data[3 + length :]
    return found


async def _length(reader: asyncio.StreamReader) -> int:
    """A variable byte integer (MQTT 5 §1.5.5)."""
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # the bit that says that another byte follows
            return length
