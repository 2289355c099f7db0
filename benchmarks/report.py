"""The figures as a table for a person, as JSON for a program, and as docs/performance.md."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import msgspec
from rich.markup import escape
from rich.table import Table

from benchmarks.figures import Figure, number_text

PAGE: Final = Path(__file__).parents[1] / "docs" / "performance.md"
_COLUMNS: Final = ("what", "figure", "spread", "goal", "met", "on")
_HEAD: Final = """# Speed

Written by `python -m benchmarks --write`; `make bench` measures and writes nothing. The ratios matter: each
is measured inside one run, between variants that take turns, and is the median of several repetitions
(*spread* gives the lowest and the highest). Rates and times are those of the machine below. Firmware and
signatures are measured in processor time of one core, everything over a broker in wall time.
"""
_READING: Final = """
## How to read it

- **jump**: the firmware as it is, jumping from one instant at which something can happen to the next.
  **tick**: the same firmware with the same rules, woken every quarter of an hour. **datetime loop**:
  `benchmarks/datetime_loop.py`, the same rules with aware datetimes, `zoneinfo` and decimals, all asked at
  every quarter of an hour; it opens for the same households in the same quarter. It has no black box, image,
  signatures or witnesses. A loop that checks the permission only after the warning is over would be about
  three times as fast.
- A change of load is an input like any other and costs an event, so the jump saves less the more often loads
  change: with a change in each quarter of an hour it saves nothing. To emulate a large fleet for a long time,
  choose loads that change as seldom as the question allows.
- **state of a meter**: the objects reachable from one more meter and from no other, by `sys.getsizeof`:
  clock, purses, witnesses, screen. A process holds profile, root and the documents of a fleet only once. A
  household's own holds and the entries of its black box are not included. Small tables are held as bytes
  (`emulator/firmware/packed.py`), which saves some 350 bytes a table. The bound leaves room for a dozen
  tables that are empty at most meters, such as the issuers by the person who made them known. One hostile key
  adds at most 32 KiB to the image (`tests/emulator/firmware/guarded/test_room.py`).
- **a flood**: somebody without a key sends bursts with pauses between them; an honest top-up counts from the
  instant at which it was due to the meter's proof in the store. Behind a broker all that we hear comes over
  one connection, so a burst is read before what came after it.
- **a file of households**: taken in by a process of its own, while another thread of it writes as `serve`
  does. Rows are read, checked and compared before the writers' lock is taken; the wait is for the rest. It is
  wall time, so what else the machine does counts.
- **top-up**: bytes between a reader and the card's contacts by T=1, with the blocks around them
  (`benchmarks/contact_line.py`). *Core*: mutual authentication, the statement and the commit. *Read* and
  *pay* are the acts of a clerk, each in a session of its own: the card is read as soon as it lies there, and
  what its meter said goes on to the controller; to pay, the kiosk proves by a digest that the card is as it
  was read, writes the statement and a line of the log, verifies both by a digest, and commits. The goal of
  1.2 is met by *pay*. It is not met by one command that reads and pays (*both*), and cannot be: the words of
  the meter alone are more than two cores, and a kiosk that has never seen the card must read them once.
- **an order to a fleet**: from before one person's moratorium is stored until the store has the receipt of
  every meter. *Bare*: one message of that size, and as many answers of a receipt's size, counted by a client.
  Known meters answer by receipts that are made beside; firmware takes no part, nor does a real network.
- **lists of meters**: first pages and later ones of seven queries, each with the count of what is left.
- **end to end**, **release**: broker, links, controller and the process that counts are separate, as in
  production. Two cores are few for that: other programs on the machine change the figures.
"""


def tables(figures: Sequence[tuple[str, Figure]]) -> list[Table]:
    """One table for each benchmark, one line for each figure."""
    drawn: dict[str, Table] = {}
    for section, figure in figures:
        if section not in drawn:
            drawn[section] = _empty_table(section)
        style = None if figure.met is not False else "yellow"
        drawn[section].add_row(*(escape(cell) for cell in _cells(figure)), style=style)
    return list(drawn.values())


def _empty_table(section: str) -> Table:
    made = Table(title=section, title_justify="left", title_style="bold", box=None, pad_edge=False)
    made.add_column("what", min_width=36)
    for name in ("figure", "spread"):
        made.add_column(name, justify="right", no_wrap=True)
    for name in ("goal", "met", "on"):
        made.add_column(name, no_wrap=name != "on")
    return made


def as_json(figures: Sequence[tuple[str, Figure]], machine: Mapping[str, str]) -> str:
    """Everything that was measured; `met` is null if there is no goal."""
    measured = [
        {
            "benchmark": section,
            **asdict(figure),
            "goal": None if figure.goal is None else str(figure.goal),
            "met": figure.met,
        }
        for section, figure in figures
    ]
    data = msgspec.json.encode({"machine": dict(machine), "figures": measured})
    return msgspec.json.format(data, indent=2).decode()


def page(figures: Sequence[tuple[str, Figure]], machine: Mapping[str, str], date: str) -> str:
    """The text of docs/performance.md."""
    lines = [_HEAD, f"Measured on {date}:", ""]
    lines += [f"- {what}: {value}" for what, value in machine.items()]
    before = ""
    for section, figure in figures:
        if section != before:
            lines += ["", f"## {section}", "", _row(_COLUMNS), _row(["---"] * len(_COLUMNS))]
            before = section
        lines.append(_row(_cells(figure)))
    return "\n".join(lines) + "\n" + _READING


def _cells(figure: Figure) -> list[str]:
    spread = "" if figure.spread is None else " – ".join(number_text(each) for each in figure.spread)
    met = {True: "yes", False: "no", None: ""}[figure.met]
    goal = "" if figure.goal is None else str(figure.goal)
    return [figure.name, f"{number_text(figure.value)} {figure.unit}", spread, goal, met, figure.note]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
