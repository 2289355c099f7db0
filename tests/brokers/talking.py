"""A broker of a few lines that has a fleet's answers to send before it answers us: MQTT 5, QoS 1."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from protocols.link.carriage import BrokerAddress

_CONNACK, _PUBLISH, _PUBACK, _SUBACK = b"\x20\x03\0\0\0", 0x32, 0x40, 0x90


class TalkingBroker:
    """Answers a publication after `before` messages of its own, one each `every_s`; None: never.

    `acknowledged` are the numbers that we acknowledged, in order.
    """

    def __init__(self, topic: str, before: int | None, every_s: float) -> None:
        self.connects = 0
        self.acknowledged: list[int] = []
        self._topic = topic.encode()
        self._before = before
        self._every_s = every_s
        self._number = 0
        self._connections: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[BrokerAddress]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        async with server:
            yield BrokerAddress("127.0.0.1", server.sockets[0].getsockname()[1])
            await asyncio.gather(*self._connections)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers: list[asyncio.Task[None]] = []
        try:
            while True:
                first = (await reader.readexactly(1))[0]
                body = await reader.readexactly((await reader.readexactly(1))[0])
                match first >> 4:
                    case 1:
                        self.connects += 1
                        writer.write(_CONNACK)
                    case 3:
                        length = int.from_bytes(body[:2])
                        answers.append(asyncio.create_task(self._answer(writer, body[2 + length :][:2])))
                    case 4:
                        self.acknowledged.append(int.from_bytes(body))
                    case 8:
                        writer.write(bytes([_SUBACK, 4]) + body[:2] + b"\0\1")
                    case _:
                        pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the connection is over
        finally:
            for each in answers:
                each.cancel()
            await asyncio.gather(*answers, return_exceptions=True)
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, number: bytes) -> None:
        if self._before is None:
            return
        for _ in range(self._before):
            self._number += 1
            body = (
                struct.pack(f"!H{len(self._topic)}sHB", len(self._topic), self._topic, self._number, 0) + b"x"
            )
            writer.write(bytes([_PUBLISH, len(body)]) + body)
            await asyncio.sleep(self._every_s)
        writer.write(bytes([_PUBACK, 2]) + number)
