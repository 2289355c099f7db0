"""Floods: what anybody who reaches the broker can say, without any key, very often (design §5, Floods).

A flood costs its sender nothing. It must cost nobody else their turn, and make nobody talk.
"""

from collections.abc import Iterator
from typing import Final

from emulator.population.plan import FleetPlan
from protocols.link.messages import ControllerStatus, Status, TimeAsk, write_message
from protocols.link.topics import Channel, Place
from protocols.reasons import Source
from tests.simulation.schedule import Flood

# Enough that a service which answered one after the other would still be busy when it is judged.
_MESSAGES: Final = 600
_LINKS: Final = 60


def flood(deed: Flood, plan: FleetPlan) -> Iterator[tuple[Place, bytes]]:
    """The messages of a flood. Strangers' holdings are made by the `Adversary`, which knows their form."""
    match deed:
        case Flood.BIRTHS:
            for number in range(_MESSAGES):
                status = ControllerStatus(online=True, sequence=10**6 + number)
                yield Place(Channel.CONTROLLER), write_message(status)
        case Flood.LINKS:
            for number in range(_MESSAGES):
                link = f"x-{number % _LINKS}"
                birth = Status(link=link, online=True, sequence=number, meters=1)
                yield Place(Channel.STATUS, link=link), write_message(birth)
        case _:
            links = [(link, meter) for link, meters in plan.links_of().items() for meter in meters]
            for number in range(_MESSAGES):
                link, meter = links[number % len(links)]
                source = (Source.HEADEND, Source.TIMESERVER)[number % 2]
                ask = TimeAsk(meter=meter, source=source, nonce=f"{number:032x}")
                yield Place(Channel.TIME_ASK, link=link, meter=meter), write_message(ask)
