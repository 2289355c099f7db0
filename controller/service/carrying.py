"""What the service needs of a connection. `protocols.rim.carrier.Carrier` is one; tests have a fake."""

from typing import Protocol

from protocols.link.topics import Place


class Carries(Protocol):
    """`publish` returns after the broker's acknowledgement, and raises NotConnectedError without one.

    It raises BrokerRefusedError where the broker refuses this one message.
    """

    @property
    def connected(self) -> bool: ...

    async def publish(
        self, place: Place, payload: bytes, *, expiry_s: int | None = None, retain: bool | None = None
    ) -> None: ...
