"""A played scenario for people: one aligned line per item, in the legal time of each meter (design §9).

    Thu 2020-07-02 22:59:00  2020-07-02T20:59:00Z  m1  claim   headend says +86,400 s (+1 day): disagrees

Seconds are shown, milliseconds are not. A line consists of parts with a style each: a colour on a terminal,
nothing elsewhere.
"""

from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from emulator.scenario.model import Scenario
from emulator.scenario.trace import Failure, Item
from protocols.cutting.zones import load_zone
from protocols.instants import DAY_MS, SECOND_MS, datetime_from_ms, iso_from_ms

# A text and its style on a terminal.
Part = tuple[str, str]

_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_EVENT_WIDTH: Final = 7
_DAY_S: Final = DAY_MS // SECOND_MS
_SUPPLY_STYLES: Final = {"on": "bold green", "off": "bold red", "armed": "yellow", "limited": "yellow"}


class Timeline:
    """Writes the items of one scenario, in columns as wide as its meters' names need."""

    def __init__(self, scenario: Scenario) -> None:
        self._zones = {spec.id: load_zone(spec.profile.zone) for spec in scenario.meters}
        self._meter_width = max((len(spec.id) for spec in scenario.meters), default=0)

    def line(self, item: Item) -> list[Part]:
        """One item as one line."""
        second_ms = item.true_ms - item.true_ms % SECOND_MS
        local = datetime_from_ms(second_ms, self._zones[item.meter])
        return [
            (f"{_WEEKDAYS[local.weekday()]} {local:%Y-%m-%d %H:%M:%S}", "bold"),
            (f"  {iso_from_ms(second_ms)}", "dim"),
            (f"  {item.meter:<{self._meter_width}}  ", "cyan"),
            (f"{item.event:<{_EVENT_WIDTH}}  ", "dim"),
            *_WORDS[item.event](item.fields),
        ]

    def explain(self, failure: Failure) -> Iterator[str]:
        """What was expected, what was found, and the items that led there."""
        item = failure.item
        when = plain(self.line(item)[:2])
        fields = item.fields
        yield (
            f"expect[{failure.index}]: {when}: {item.meter}: {fields['key']}: "
            f"expected {fields['expected']}, found {fields['found']}"
        )
        yield "  what led there:" if failure.led_there else "  the journal is empty"
        for earlier in failure.led_there:
            yield f"    {plain(self.line(earlier))}"


def plain(parts: list[Part]) -> str:
    """A line without its styles."""
    return "".join(text for text, _ in parts).rstrip()


def head_line(scenario: Scenario) -> list[Part]:
    """The scenario's name and population, above its items."""
    count = len(scenario.meters)
    meters = "1 meter" if count == 1 else f"{count:,} meters"
    return [(scenario.name, "bold"), (f"  {scenario.file} · {meters} · seed {scenario.seed}", "dim")]


def end_line(expected: int, failed: int, decisions_sha256: str) -> list[Part]:
    """The verdict on a scenario, below its items."""
    counted = "1 expectation" if expected == 1 else f"{expected:,} expectations"
    verdict: Part = (f"{failed:,} failed", "bold red") if failed else ("all held", "bold green")
    if not expected:
        verdict = ("nothing to fail", "dim")
    return [(f"{counted}: ", ""), verdict, (f"  decisions {decisions_sha256[:16]}", "dim")]


Fields = dict[str, object]


def _supply(fields: Fields) -> list[Part]:
    to = str(fields["to"])
    return [(f"{fields['from']} → ", ""), (to, _SUPPLY_STYLES[to]), (f" ({fields['reason']})", "")]


def _claim(fields: Fields) -> list[Part]:
    return [(f"{fields['source']} says {_offset(fields['offset_s'])}: {fields['verdict']}", "")]


def _clock(fields: Fields) -> list[Part]:
    style = "" if fields["status"] == "trusted" else "yellow"
    until = fields["latest"] or "no one knows when"
    return [(str(fields["status"]), style), (f": {fields['earliest']} to {until} ({fields['cause']})", "")]


def _order(fields: Fields) -> list[Part]:
    style = "red" if fields["verdict"] == "refused" else ""
    rev = f" rev {fields['rev']}" if fields["rev"] else ""
    why = f": {fields['reason']}" if fields["reason"] else ""
    return [(f"{fields['object']}{rev} ", ""), (f"{fields['verdict']}{why}", style)]


def _credit(fields: Fields) -> list[Part]:
    return [(f"{_eur(fields['balance_ueur'])} ({fields['cause']})", "")]


def _warning(fields: Fields) -> list[Part]:
    return [(f"a cut for {fields['cause']}, not before {fields['warning_s']:,} s have run", "yellow")]


def _screen(fields: Fields) -> list[Part]:
    code = f"[{fields['code']}] " if fields["code"] else ""
    return [(f"{code}{fields['text']}" or "(blank)", "")]


def _expect(fields: Fields) -> list[Part]:
    found = f"{fields['key']} is {fields['found']}"
    if fields["ok"]:
        return [(f"{found}: held", "green")]
    return [(f"{found}: failed, expected {fields['expected']}", "bold red")]


def _input(fields: Fields) -> list[Part]:
    return [(" ".join(str(value) for value in fields.values()), "blue")]


def _fault(fields: Fields) -> list[Part]:
    return [(f"{fields['name']}: {fields['effect']}", "magenta")]


def _verdict(fields: Fields) -> list[Part]:
    opens = "may open" if fields["open"] else "stays closed"
    return [(f"{opens}: {fields['reason']}", "dim")]


_WORDS: Final[dict[str, Callable[[Fields], list[Part]]]] = {
    "supply": _supply,
    "claim": _claim,
    "clock": _clock,
    "order": _order,
    "credit": _credit,
    "warning": _warning,
    "screen": _screen,
    "expect": _expect,
    "input": _input,
    "fault": _fault,
    "verdict": _verdict,
}


def _offset(offset_s: object) -> str:
    """An offset in seconds, and in days if it is whole days."""
    if not isinstance(offset_s, int):
        return "a date"
    if offset_s == 0:
        return "the right time"
    days, rest_s = divmod(abs(offset_s), _DAY_S)
    sign = "+" if offset_s > 0 else "−"
    in_days = f" ({sign}{days} day{'' if days == 1 else 's'})" if days and not rest_s else ""
    return f"{sign}{abs(offset_s):,} s{in_days}"


def _eur(ueur: object) -> str:
    """Euro and cents, rounded half to even; never −0.00 €."""
    assert isinstance(ueur, int), ueur
    cents = Decimal(ueur).scaleb(-4).to_integral_value(ROUND_HALF_EVEN)
    sign = "−" if cents < 0 else ""
    return f"{sign}{abs(cents).scaleb(-2):,.2f} €"
