"""The words in which a meter tells of itself, whatever carries them: a link, or a card.

`way` is the name of the link, or `card/SERIAL`: it stands in the word or in what its MAC covers, so that
what was recorded on one way proves nothing on another. The numbers are the carrier's: see the callers.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from emulator.firmware.guarded.identity import Identity
from emulator.firmware.guarded.own_keys import told
from emulator.firmware.guarded.shown import ShownMeter
from emulator.firmware.ticks import Tick
from protocols.documents.bodies import Named
from protocols.documents.envelope import document_digest
from protocols.documents.merging import Protection, revs_named
from protocols.documents.statements import Statement
from protocols.limits import ISSUERS_TOLD_MAX, REVISIONS_MAX
from protocols.link.messages import (
    WORD_BYTES_MAX,
    CalendarHeld,
    MeterHolds,
    Receipt,
    Reported,
    StatementHeld,
    TimeAsk,
)
from protocols.link.proofs import Purpose, with_mac
from protocols.link.records import OrderJudged
from protocols.reasons import NoOrder, Source

FIRMWARE: Final = "guarded"

_encoder = msgspec.json.Encoder()


def holds_of(
    meter: ShownMeter, number: int = 0, echo: str = "", bytes_max: int = WORD_BYTES_MAX
) -> MeterHolds:
    """What a meter holds, so that the controller can answer with what is missing.

    `number` is this word's; `echo` the nonce of the controller's last birth.

    A meter that holds more than fits into `bytes_max` names less of it: what it does not name is sent again,
    and repetition changes nothing.
    """
    held, glance = meter.holdings(), meter.glance
    lease = held.lease
    holds = MeterHolds(
        meter=meter.identity.id,
        energy=meter.profile.energy,
        firmware=FIRMWARE,
        profile=meter.profile.name,
        supply=glance.supply,
        clock=glance.clock,
        protections=tuple(_named(name, held.protections[name]) for name in sorted(held.protections)),
        calendars=tuple(
            CalendarHeld(name, held.calendars[name].rev, held.calendars[name].digest)
            for name in sorted(held.calendars)
        ),
        lease_rev=0 if lease is None else lease.rev,
        lease_ends_ms=0 if lease is None else lease.ends_ms,
        statements=totals_of(meter),
        cut_orders=held.cut_orders,
        tombstones=held.tombstones,
        root_version=held.root_version,
        issuers_version=held.issuers_version,
        key=told(meter.memory, meter.identity.id) or UNSET,
        number=number,
        epoch=meter.epoch,
        echo=echo,
    )
    while holds.protections and len(_encoder.encode(holds)) > bytes_max:
        holds = replace(holds, protections=holds.protections[: len(holds.protections) // 2])
    return holds


def totals_of(meter: ShownMeter) -> tuple[StatementHeld, ...]:
    """What a meter has credited, of each issuer and epoch.

    Of too many, those of the issuers in force come first, and of the rest the first ones by name.
    """
    issuers = meter.issuers
    named = set() if issuers is None else {each.name for each in issuers.issuers}
    held = sorted(meter.totals.held, key=lambda each: each.issuer not in named)[:ISSUERS_TOLD_MAX]
    return tuple(
        StatementHeld(each.issuer, each.number, each.total_ueur, each.epoch)
        for each in sorted(held, key=_place)
    )


def report_of(
    meter: ShownMeter,
    at_tick: Tick,
    *,
    number: int,
    way: str,
    totals: Sequence[StatementHeld],
    last_event: int,
    oldest_entry: int,
    echo: str = "",
) -> Reported:
    """A meter's state now. The purse is as of its last action: a report must not make it act."""
    readout, purse = meter.readout(at_tick), meter.purse
    glance = readout.glance
    return Reported(
        meter=meter.identity.id,
        number=number,
        journal=readout.journal_number,
        supply=glance.supply,
        reason=glance.reason,
        clock=glance.clock,
        earliest_ms=readout.earliest_ms,
        latest_ms=readout.latest_ms,
        time_ms=readout.estimate_ms,
        balance_ueur=purse.balance_ueur,
        emergency_ueur=purse.emergency_ueur,
        next_possible_ms=readout.next_possible_ms,
        dispute_nonce=glance.dispute_nonce,
        code=glance.code,
        witnesses=meter.witnesses(at_tick),
        account=purse.account,
        link=way,
        totals=tuple(totals),
        last_event=last_event,
        oldest_entry=oldest_entry,
        epoch=meter.epoch,
        echo=echo,
    )


def receipt_of(meter: ShownMeter, number: int, record: OrderJudged, document: bytes) -> Receipt | None:
    """The answer to a document. `number`: of `record` in the black box; `document`: it, or nothing.

    None for bytes that were no order: the receipt could name none.
    """
    order = record.order or (record.kind if record.kind in {NoOrder.ROOT, NoOrder.ISSUERS} else "")
    if not order:
        return None
    return Receipt(
        meter=meter.identity.id,
        order=order,
        kind=record.kind,
        object=record.object,
        rev=record.rev,
        verdict=record.verdict,
        reason=record.reason,
        number=number,
        known_number=record.known_number,
        document=document_digest(document) if document else "",
        epoch=meter.epoch,
    )


def ask_word(meter: ShownMeter, source: Source, nonce: str, way: str) -> bytes:
    """An ask for the time, with its MAC where the meter has a key for asks to this authority."""
    identity, keys = meter.identity, meter.memory.keys
    half = UNSET if keys is None or source not in keys.asks else keys.public
    word = _encoder.encode(TimeAsk(meter=identity.id, source=source, nonce=nonce, key=half))
    key = identity.ask_keys.get(source)
    return word if key is None else with_mac(word, Purpose.ASK, way, key)


def holds_word(identity: Identity, holds: MeterHolds, way: str) -> bytes:
    """What a meter holds, with its MAC."""
    return with_mac(_encoder.encode(holds), Purpose.HOLDS, way, identity.key)


def _place(statement: Statement) -> tuple[str, int]:
    return statement.issuer, statement.epoch


def _named(name: str, protection: Protection) -> Named:
    """Floor and signed revs above it; of merged ones as many as the message takes, the highest."""
    return Named(name, protection.floor_rev, revs_named(name, protection)[-REVISIONS_MAX:])
