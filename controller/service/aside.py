"""Where arrivals wait that nobody has proved: behind all others, and few of them (design §5).

MQTT names no sender. So the room is bounded for each link that a topic names, and in total: whoever sends
thousands of messages without a key takes the room of nobody who has one.
"""

from collections import Counter, deque
from typing import Final

from protocols.link.carriage import Arrival

# More than an older link with a thousand meters sends at a connect.
LINK_MAX: Final = 1_000
TOTAL_MAX: Final = 4_000


class Aside:
    """A queue in the order of arrival, with room for `link_max` arrivals of a link and `total_max` in all."""

    def __init__(self, link_max: int = LINK_MAX, total_max: int = TOTAL_MAX) -> None:
        self._link_max = link_max
        self._total_max = total_max
        self._waiting: deque[Arrival] = deque()
        self._of_link: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, arrival: Arrival) -> bool:
        """Queue an arrival. False where there is no room: then it is dropped."""
        link = _sender(arrival)
        if len(self._waiting) >= self._total_max or self._of_link[link] >= self._link_max:
            return False
        self._waiting.append(arrival)
        self._of_link[link] += 1
        return True

    def take(self, count: int) -> list[Arrival]:
        """At most `count` arrivals, the oldest first."""
        taken = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
        for arrival in taken:
            self._of_link[_sender(arrival)] -= 1
        self._of_link += Counter()  # forget the links that have none waiting
        return taken


def _sender(arrival: Arrival) -> str:
    """The link or kiosk that the topic names."""
    return arrival.place.link or f"kiosk/{arrival.place.kiosk}"
