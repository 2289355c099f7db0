"""A played scenario for people: one aligned line per item, in the legal time of each meter (design §9).

    Thu 2020-07-02 22:59:00  m1  claim    headend says +86,400 s (+1 day): disagrees

Seconds are shown, milliseconds are not; UTC stands in the JSON lines. A line consists of parts with a style
each: a colour on a terminal, nothing elsewhere. `wrapped` breaks one between its words.
"""

import re
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from emulator.scenario.model import Scenario
from emulator.scenario.trace import Failure, Item
from protocols.cutting.zones import load_zone
from protocols.instants import DAY_MS, SECOND_MS, datetime_from_ms

# A text and its style on a terminal.
Part = tuple[str, str]

_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WHEN_WIDTH: Final = len("Thu 2020-07-02 22:59:00")
_EVENT_WIDTH: Final = 7
_GAP: Final = 2
# Narrower than this, the words of an item stand below its columns.
_WORDS_WIDTH_MIN: Final = 24
_DAY_S: Final = DAY_MS // SECOND_MS
_SUPPLY_STYLES: Final = {"on": "bold green", "off": "bold red", "armed": "yellow", "limited": "yellow"}


class Timeline:
    """Writes the items of one scenario, in columns as wide as its meters' names need."""

    def __init__(self, scenario: Scenario) -> None:
        self._zones = {spec.id: load_zone(spec.profile.zone) for spec in scenario.meters}
        self._meter_width = max((len(spec.id) for spec in scenario.meters), default=0)

    def line(self, item: Item) -> list[Part]:
        """One item as one line."""
        return [
            (self.when(item.meter, item.true_ms), "bold"),
            (f"  {item.meter:<{self._meter_width}}  ", "cyan"),
            (f"{item.event:<{_EVENT_WIDTH}}  ", "dim"),
            *_WORDS[item.event](item.fields),
        ]

    @property
    def indent(self) -> int:
        """The column in which the words of an item begin."""
        return _WHEN_WIDTH + self._meter_width + _EVENT_WIDTH + 3 * _GAP

    def when(self, meter: str, true_ms: int) -> str:
        """An instant in the legal time of a meter, to the second."""
        local = datetime_from_ms(true_ms - true_ms % SECOND_MS, self._zones[meter])
        return f"{_WEEKDAYS[local.weekday()]} {local:%Y-%m-%d %H:%M:%S}"

    def explain(self, failure: Failure) -> str:
        """What was expected and what was found."""
        item = failure.item
        fields = item.fields
        return (
            f"expect[{failure.index}]: {self.when(item.meter, item.true_ms)}: {item.meter}: "
            f"{fields['key']}: expected {fields['expected']}, found {fields['found']}"
        )

    def led_there(self, failure: Failure) -> Iterator[list[Part]]:
        """The items that led to a failure. Those of one meter at one instant are the same for all of them."""
        yield [("  what led there:" if failure.led_there else "  the journal is empty", "")]
        for earlier in failure.led_there:
            yield [("    ", ""), *self.line(earlier)]


def wrapped(line: list[Part], width: int, indent: int) -> Iterator[list[Part]]:
    """A line as lines of at most `width` columns, broken between words; all but the first are indented.

    A word that is wider stays whole: a name or date that was cut could not be copied.
    """
    if sum(len(text) for text, _ in line) <= width:
        yield line
        return
    if width - indent < _WORDS_WIDTH_MIN:
        indent = _GAP
    row: list[Part] = []
    used, gap = 0, ""
    for word in _words(line):
        length = sum(len(text) for text, _ in word)
        if word[0][0].isspace():
            gap += word[0][0]
        elif used + len(gap) + length > width and used + len(gap) > indent:
            yield row
            row, used, gap = [(" " * indent, ""), *word], indent + length, ""
        else:
            row += [(gap, word[0][1]), *word] if gap else word
            used, gap = used + len(gap) + length, ""
    yield row


def _words(line: list[Part]) -> Iterator[list[Part]]:
    """Words and the gaps between them. A word may consist of several parts, each with its style."""
    word: list[Part] = []
    for text, style in line:
        for piece in re.findall(r" +|[^ ]+", text):
            if piece[0] == " " and word:
                yield word
                word = []
            if piece[0] == " ":
                yield [(piece, style)]
            else:
                word.append((piece, style))
    if word:
        yield word


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
