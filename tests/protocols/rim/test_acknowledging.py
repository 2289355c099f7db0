"""A connection that ends while it waits for its turn to write breaks nothing else in the program."""

import asyncio
import socket

from protocols.rim.acknowledging import AcknowledgingClient
from protocols.rim.bulk_socket import BulkSocket


def test_a_socket_that_was_closed_before_its_turn_is_not_watched() -> None:
    async def closed_meanwhile() -> tuple[list[dict[str, object]], bool]:
        loop = asyncio.get_running_loop()
        unhandled: list[dict[str, object]] = []
        loop.set_exception_handler(lambda _loop, context: unhandled.append(context))
        client = AcknowledgingClient("127.0.0.1", arrived=lambda _message: None)
        theirs, ours = socket.socketpair()
        number = ours.fileno()
        client._on_socket_register_write(client._client, None, BulkSocket(ours))
        ours.close()
        # The system gives the number to whoever opens next.
        theirs_next, ours_next = socket.socketpair()
        assert ours_next.fileno() == number or theirs_next.fileno() == number
        await asyncio.sleep(0.01)
        watched = loop.remove_writer(number)
        for each in (theirs, theirs_next, ours_next):
            each.close()
        return unhandled, watched

    assert asyncio.run(closed_meanwhile()) == ([], False)
