"""The items of a played scenario, one for each thing that happened, and their JSON lines (design §9).

Items are sorted by true time, then by their meter's order in the file, then by their number. The instants
in their fields are ISO 8601 in UTC, or null.
"""

from dataclasses import dataclass
from typing import Final, assert_never

import msgspec

from emulator.scenario.expectation import Comparison
from emulator.scenario.model import (
    CardInSpec,
    CardOutSpec,
    Do,
    KioskSpec,
    OvercurrentSpec,
    PressSpec,
    RtcLostSpec,
    SetLoadSpec,
    SetMainsSpec,
)
from protocols.instants import SECOND_MS, iso_from_ms, iso_or_none
from protocols.link.records import (
    ClaimHeard,
    ClockChanged,
    CreditChanged,
    FaultShown,
    GateJudged,
    OrderJudged,
    Record,
    ScreenShown,
    SupplyChanged,
    WarningShown,
)
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta

# Shown only for a traced meter: the verdicts of the gate with all their inputs.
DETAILS: Final = frozenset({"verdict"})
# Shown to people, but as JSON lines only for a traced meter, since no meter could report them (design §9):
# what the world did to it, and the effects of injected faults.
INPUT: Final = "input"
BESIDE_THE_METER: Final = frozenset({INPUT, "fault"})

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that happened to a meter. `event` names it; `fields` hold its details."""

    true_ms: int
    meter: str
    event: str
    fields: dict[str, object]


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that did not hold, and the last items of its meter that led there.

    `index` is the number of the expectation in the file.
    """

    index: int
    item: Item
    led_there: tuple[Item, ...]


def json_line(item: Item) -> str:
    """An item as one JSON object: instant, meter and event first."""
    head = {"t": iso_from_ms(item.true_ms), "meter": item.meter, "event": item.event}
    return _encoder.encode(head | item.fields).decode()


def json_end_line(file: str, failed: int, decisions_sha256: str) -> str:
    """The last line of a file: how many expectations failed, and the digest of all decisions."""
    end = {"event": "end", "failed": failed, "decisions_sha256": decisions_sha256, "file": file}
    return _encoder.encode(end).decode()


def comparison_fields(comparison: Comparison) -> dict[str, object]:
    """The fields of an `expect` item."""
    return {
        "ok": comparison.ok,
        "key": comparison.key,
        "expected": comparison.expected,
        "found": comparison.found,
    }


def input_fields(do: Do) -> dict[str, object] | None:
    """The fields of an `input` item, with the file's own names; None if a record of the meter shows it."""
    match do:
        case SetMainsSpec():
            return {"do": "mains_on" if do.on else "mains_off"}
        case RtcLostSpec():
            return {"do": "rtc_lost"}
        case PressSpec():
            return {"do": "button", "name": do.name}
        case SetLoadSpec():
            return {"do": "set_load", "load_w": do.load_w}
        case OvercurrentSpec():
            return {"do": "overcurrent"}
        case CardInSpec() | CardOutSpec() | KioskSpec():
            return _card_fields(do)
        case _:
            return None


def _card_fields(do: CardInSpec | CardOutSpec | KioskSpec) -> dict[str, object]:
    fields: dict[str, object] = {"do": "card_out"}
    if isinstance(do, CardInSpec):
        fields = {"do": "card_in", "card": do.card, "pull_after_ms": do.pull_after_ms}
    elif isinstance(do, KioskSpec):
        eur = eur_from_quanta(do.amount_ueur * QUANTA_PER_UEUR) if do.amount_ueur else ""
        fields = {"do": "kiosk", "act": do.act, "id": do.id, "eur": eur, "card": do.card}
    return {name: value for name, value in fields.items() if value not in ("", None)}


def record_event(record: Record) -> str:
    """The name of a record's type, as in `--json`."""
    tag = record.__struct_config__.tag
    assert isinstance(tag, str), record
    return tag


def record_fields(record: Record) -> dict[str, object]:
    """The fields of a record, as in `--json`."""
    match record:
        case SupplyChanged():
            return {"from": record.before, "to": record.after, "reason": record.reason}
        case ClaimHeard():
            return _claim_fields(record)
        case ClockChanged():
            return {
                "status": record.status,
                "earliest": iso_or_none(record.earliest_ms),
                "latest": None if record.latest_ms is None else iso_or_none(record.latest_ms),
                "cause": record.cause,
                "nonce": record.nonce,
            }
        case OrderJudged() | CreditChanged() | WarningShown() | ScreenShown() | GateJudged() | FaultShown():
            fields = msgspec.structs.asdict(record)
            return {name: value for name, value in fields.items() if value is not msgspec.UNSET}
        case _:
            assert_never(record)


def _claim_fields(record: ClaimHeard) -> dict[str, object]:
    """`offset_s` is the nearest whole second: files give whole seconds, and the crystal adds milliseconds."""
    offset_ms = record.offset_ms
    return {
        "source": record.source,
        "verdict": record.verdict,
        "offset_s": None if offset_ms is None else (offset_ms + SECOND_MS // 2) // SECOND_MS,
        "offset_ms": offset_ms,
        "time": iso_or_none(record.time_ms),
        **({} if record.passed_over is msgspec.UNSET else {"passed_over": record.passed_over}),
    }
