"""One time authority as a program of its own: the second witness of the meters' clocks (design §6)."""

from collections.abc import Callable, Sequence

from controller.service.answering import Answering
from controller.service.connecting import (
    Carry,
    Draw,
    Stops,
    all_together,
    nobody_waits,
    present_carrier,
    until_stopped,
)
from controller.service.presence import Presence, draw_nonce
from controller.service.root_watch import RootWatch
from controller.service.time_service import TimeAuthority
from protocols.documents.envelope import Signer
from protocols.link.carriage import Arrival, BrokerAddress
from protocols.link.service_time import machine_of
from protocols.link.topics import Channel, Place, time_filters
from protocols.reasons import Source
from protocols.rim.carrier import Carrier
from protocols.timekeeping import Machine


async def serve_time(
    source: Source,
    signer: Signer,
    asks: Sequence[bytes],
    broker: BrokerAddress,
    machine: Machine,
    stops: Stops = nobody_waits,
    *,
    watch: RootWatch | None = None,
) -> None:
    """Run one time authority until stopped, as `serve`.

    `asks`: the keys that check asks, of each generation of the fleet's key; none: no check.

    `watch`: the root of its home; while that does not list its key, nothing is answered.
    """
    if watch is None:
        presence, carrier = answering(source, signer, asks, broker, machine)
        work = presence.run()
    else:
        presence, carrier = answering(source, signer, asks, broker, machine, may=lambda: watch.is_listed)
        work = all_together(presence.run(), watch.run())
    await until_stopped(carrier, work, stops)


def answering(
    source: Source,
    signer: Signer,
    asks: Sequence[bytes],
    broker: BrokerAddress,
    machine: Machine,
    carry: Carry = Carrier,
    draw: Draw = draw_nonce,
    may: Callable[[], bool] = lambda: True,
) -> tuple[Presence, Carrier]:
    """The connection of a time authority, which answers what arrives there while it `may`; both must run."""

    async def handle(arrival: Arrival) -> None:
        if presence.leads and may():
            answers.take(authority, arrival)

    answers = Answering()
    presence = Presence("timeserver", Place(Channel.TIMESERVER), signer, machine, draw)
    carrier = present_carrier(presence, broker, time_filters(), handle, carry, draw)
    first, later, name = (asks[0] if asks else None), asks[1:], machine_of(machine.boot_id)
    authority = TimeAuthority(source, signer, machine, carrier, asks=first, later=lambda: later, machine=name)
    return presence, carrier
