"""What the service asks of whatever carries its messages; `carrier.Carrier` is one, a test's is another."""

from typing import Protocol

from protocols.link.topics import Place


class Carries(Protocol):
    """Publishes and waits for the broker's word. Raises NotConnectedError without it."""

    @property
    def connected(self) -> bool: ...

    async def publish(
        self, place: Place, payload: bytes, *, expiry_s: int | None = None, retain: bool | None = None
    ) -> None: ...
