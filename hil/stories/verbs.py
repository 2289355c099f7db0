"""Says a verb of design §9 on one line, for a timeline. Pure."""

import re
from dataclasses import fields
from typing import Final

from emulator.scenario.model import Do
from protocols.instants import iso_or_none
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta

_INSTANTS: Final = frozenset({"from_ms", "until_ms", "time_ms", "not_before_ms", "not_after_ms"})
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


def verb_of(do: Do) -> str:
    """`cut calendar` for a `CutCalendarSpec`."""
    return _WORD.sub(" ", type(do).__name__.removesuffix("Spec")).lower()


def told(do: Do) -> str:
    """The verb with all that it says."""
    words = [verb_of(do)]
    for field in fields(do):
        value = getattr(do, field.name)
        if value is None or value in ("", (), 0, False):
            continue
        name = field.name.removesuffix("_ms").replace("_", " ")
        if field.name == "windows":
            spans = (f"{iso_or_none(window.start_ms)}/{iso_or_none(window.end_ms)}" for window in value[:2])
            words.append(f"{len(value)} windows {' '.join(spans)}")
        elif field.name in _INSTANTS:
            words.append(f"{name} {iso_or_none(value) or 'for ever'}")
        elif field.name.endswith("_ueur"):
            words.append(f"{eur_from_quanta(value * QUANTA_PER_UEUR)} EUR")
        elif value is True:
            words.append(name)
        elif field.name.endswith("_ms"):
            words.append(f"{name} {value} ms")
        else:
            words.append(f"{name} {value}")
    return ", ".join(words)
