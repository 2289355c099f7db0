"""The messages with what a link's meters hold and with their readings, each within the size limit. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from emulator.firmware.guarded.meter import GuardedMeter
from protocols.documents.bodies import Named
from protocols.documents.merging import Protection, revs_named
from protocols.documents.statements import Statement
from protocols.limits import ISSUERS_TOLD_MAX, READINGS_PER_BATCH_MAX, REVISIONS_MAX
from protocols.link.messages import (
    WORD_BYTES_MAX,
    CalendarHeld,
    MeterHolds,
    StatementHeld,
    in_messages,
    write_readings,
    write_sync,
)

FIRMWARE: Final = "guarded"

_encoder = msgspec.json.Encoder()


def holds_of(meter: GuardedMeter, number: int = 0, echo: str = "") -> MeterHolds:
    """What a meter holds, so that the controller can answer with what is missing.

    `number` is this word's; `echo` the nonce of the controller's last birth.

    A meter that holds more than fits names less of it: what it does not name is sent again, and
    repetition changes nothing.
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
        number=number,
        epoch=meter.epoch,
        echo=echo,
    )
    while holds.protections and len(_encoder.encode(holds)) > WORD_BYTES_MAX:
        holds = replace(holds, protections=holds.protections[: len(holds.protections) // 2])
    return holds


def totals_of(meter: GuardedMeter) -> tuple[StatementHeld, ...]:
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


def _place(statement: Statement) -> tuple[str, int]:
    return statement.issuer, statement.epoch


def sync_messages(link: str, words: Sequence[bytes]) -> list[bytes]:
    """The words in as many messages as the size limit requires; an empty one for a link without meters."""
    batches = list(in_messages(words)) or [()]
    return [
        write_sync(link, batch, more=number < len(batches)) for number, batch in enumerate(batches, start=1)
    ]


def readings_messages(link: str, words: Sequence[bytes]) -> list[bytes]:
    """Readings in batches."""
    return [write_readings(link, batch) for batch in in_messages(words, READINGS_PER_BATCH_MAX)]


def _named(name: str, protection: Protection) -> Named:
    """Floor and signed revs above it; of merged ones as many as the message takes, the highest."""
    return Named(name, protection.floor_rev, revs_named(name, protection)[-REVISIONS_MAX:])
