"""Shows the state of a running fleet in numbers: as a table, a line, or JSON."""

from collections import Counter
from dataclasses import dataclass

import msgspec
from rich.table import Table

from emulator.links.link import Link
from emulator.links.unlinked import UnlinkedMeters
from protocols.instants import iso_from_ms
from protocols.reasons import ClockStatus, Supply


@dataclass(frozen=True, slots=True)
class FleetState:
    """A fleet at one instant: its meters counted by supply and clock, and its messages since the start."""

    true_ms: int
    meters: int
    links: int
    links_online: int
    supply: dict[Supply, int]
    clock: dict[ClockStatus, int]
    published: int
    received: int

    def json_line(self) -> str:
        """One JSON object."""
        fields = {
            "t": iso_from_ms(self.true_ms // 1000 * 1000),
            "meters": self.meters,
            "links": {"online": self.links_online, "of": self.links},
            "supply": self.supply,
            "clock": self.clock,
            "messages": {"published": self.published, "received": self.received},
        }
        return msgspec.json.encode(fields).decode()

    def line(self) -> str:
        """One line for a person."""
        supply = ", ".join(f"{count} {state}" for state, count in self.supply.items())
        clock = ", ".join(f"{count} {status}" for status, count in self.clock.items() if count)
        return (
            f"{iso_from_ms(self.true_ms // 1000 * 1000)}  links {self.links_online}/{self.links} online; "
            f"supply: {supply}; clock: {clock}; messages: {self.published} up, {self.received} down"
        )

    def changes(self) -> tuple[object, ...]:
        """What a new line is written for: a change in it, and not a new time or new messages."""
        return self.links_online, self.supply, self.clock

    def table(self, title: str) -> Table:
        """The same for a terminal."""
        table = Table(title=title, title_justify="left", show_header=False)
        table.add_column(style="bold")
        table.add_column()
        table.add_row("time", iso_from_ms(self.true_ms // 1000 * 1000))
        table.add_row("links", f"{self.links_online} of {self.links} online")
        colours = {Supply.ON: "green", Supply.OFF: "red", Supply.ARMED: "yellow", Supply.LIMITED: "yellow"}
        supply = [f"[{colours[state]}]{state} {count}[/]" for state, count in self.supply.items()]
        table.add_row("supply", "   ".join(supply))
        shades = {ClockStatus.TRUSTED: "green", ClockStatus.DISPUTED: "red", ClockStatus.LOST: "yellow"}
        clock = [f"[{shades[status]}]{status} {count}[/]" for status, count in self.clock.items()]
        table.add_row("clock", "   ".join(clock))
        table.add_row("messages", f"{self.published} up   {self.received} down")
        return table


class ConnectionWatch:
    """Says in words when the links of a fleet lose their broker, and when all are back."""

    def __init__(self) -> None:
        self._online: int | None = None
        self._lost_s: float | None = None

    def said(self, state: FleetState, now_s: float) -> str | None:
        """What is to be said of a state, seen at a second of a clock that never jumps; None: nothing new."""
        before, self._online = self._online, state.links_online
        if state.links_online == before or not state.links:
            return None
        size = f"{_counted(state.links, 'link')}, {_counted(state.meters, 'meter')}"
        if state.links_online < state.links:
            self._lost_s = now_s if self._lost_s is None else self._lost_s
            return f"connection lost: {state.links_online} of {_counted(state.links, 'link')} online"
        if self._lost_s is None:
            return f"connected: {size}"
        lost_s, self._lost_s = self._lost_s, None
        return f"connected again after {round(now_s - lost_s)} s: {size}"


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def state_of_links(
    links: list[Link], true_ms: int, *, online: int, published: int, received: int
) -> FleetState:
    """The state of a guarded fleet."""
    meters = [each.household.meter for link in links for each in link.meters.values()]
    glances = [meter.glance for meter in meters]
    supply = Counter(glance.supply for glance in glances)
    clock = Counter(glance.clock for glance in glances)
    return FleetState(
        true_ms,
        len(meters),
        len(links),
        online,
        {state: supply[state] for state in Supply},
        {status: clock[status] for status in ClockStatus},
        published,
        received,
    )


def state_of_unlinked(fleet: UnlinkedMeters, true_ms: int) -> FleetState:
    """The state of card meters: they have no link, and their clock always counts as trusted."""
    supply = Counter(each.meter.glance.supply for each in fleet.households.values())
    count = len(fleet.households)
    return FleetState(
        true_ms,
        count,
        0,
        0,
        {state: supply[state] for state in Supply},
        {ClockStatus.TRUSTED: count, ClockStatus.DISPUTED: 0, ClockStatus.LOST: 0},
        0,
        0,
    )
