"""What a scenario file may say and probably does not mean: each gets a warning with its line (design §9).

A misspelt name of a hold or cut would otherwise change nothing, in silence; and a window whose end is not
after its start is open all night.
"""

from collections.abc import Sequence
from typing import Final

from emulator.forms.fields import Fields
from emulator.forms.problems import perhaps
from emulator.scenario.model import (
    CancelCutSpec,
    Do,
    EventSpec,
    HoldSpec,
    LiftHoldSpec,
    ProgrammedCutSpec,
    ShortenHoldSpec,
)
from protocols.cutting.rules import Rule, nightly_parts

_DECLARED_BY: Final = {HoldSpec: "hold", ProgrammedCutSpec: "cut"}
# What an event does to an object that another one declares.
_CHANGED_BY: Final = {
    LiftHoldSpec: ("hold", "lifted"),
    ShortenHoldSpec: ("hold", "shortened"),
    CancelCutSpec: ("cut", "cancelled"),
}
_NAMES_SHOWN: Final = 8


def doubt_names(events: Sequence[tuple[Fields, EventSpec]]) -> None:
    """Warn of each hold and cut that is changed for meters for which the file nowhere declares it."""
    declared: dict[tuple[str, str], set[str]] = {}
    for _, event in events:
        kind = _DECLARED_BY.get(type(event.do))
        if kind is not None:
            declared.setdefault((kind, _id(event.do)), set()).update(event.meters)
    for given, event in events:
        kind, verb = _CHANGED_BY.get(type(event.do), ("", ""))
        if kind and declared.get((kind, _id(event.do)), set()).isdisjoint(event.meters):
            names = sorted(name for of_kind, name in declared if of_kind == kind)
            given.doubt(
                "id", f"is {verb}, and no such {kind} is declared for these meters{_known(names, given)}"
            )


def doubt_nights(given: Fields, key: str, rule: Rule) -> None:
    """Warn of each part of a rule that runs through midnight."""
    for part in nightly_parts(rule):
        given.doubt(key, f"runs through midnight: the end of {part} is on the next day")


def _id(do: Do) -> str:
    assert isinstance(do, HoldSpec | ProgrammedCutSpec | LiftHoldSpec | ShortenHoldSpec | CancelCutSpec), do
    return do.id


def _known(names: Sequence[str], given: Fields) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    own = given.value("id")
    meant = perhaps(own, [name for name in names if name != own])
    return f"; declared: {', '.join(names[:_NAMES_SHOWN])}{more}{meant}"
