"""The messages with what a link's meters hold and with their readings, each within the size limit. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from emulator.firmware.guarded.meter import GuardedMeter
from protocols.documents.bodies import Named
from protocols.documents.merging import Protection
from protocols.limits import PAYLOAD_BYTES_MAX, READINGS_PER_BATCH_MAX, REVISIONS_MAX
from protocols.link.messages import (
    CalendarHeld,
    MeterHolds,
    Reading,
    Readings,
    StatementHeld,
    Sync,
    write_message,
)

FIRMWARE: Final = "guarded"
# Room for the rest of a message: the names of its fields, and the link's name.
_AROUND_BYTES: Final = 256

I = TypeVar("I", Reading, MeterHolds)  # noqa: E741 an item

_encoder = msgspec.json.Encoder()


def holds_of(meter: GuardedMeter) -> MeterHolds:
    """What a meter holds, so that the controller can answer with what is missing.

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
        statements=tuple(
            StatementHeld(each.issuer, each.number, each.total_ueur) for each in held.totals.held
        ),
        cut_orders=held.cut_orders,
        tombstones=held.tombstones,
        root_version=held.root_version,
    )
    while holds.protections and len(_encoder.encode(holds)) > PAYLOAD_BYTES_MAX - _AROUND_BYTES:
        holds = replace(holds, protections=holds.protections[: len(holds.protections) // 2])
    return holds


def sync_messages(link: str, meters: Iterable[GuardedMeter]) -> list[bytes]:
    """As many messages as the size limit requires; one without meters for a link that has none."""
    batches = list(_batches([holds_of(meter) for meter in meters])) or [()]
    return [
        write_message(Sync(link=link, meters=batch, more=number < len(batches)))
        for number, batch in enumerate(batches, start=1)
    ]


def readings_messages(link: str, readings: Sequence[Reading]) -> list[bytes]:
    """Readings in batches."""
    return [
        write_message(Readings(link=link, readings=batch))
        for batch in _batches(readings, READINGS_PER_BATCH_MAX)
    ]


def _batches(items: Sequence[I], items_max: int | None = None) -> Iterator[tuple[I, ...]]:
    batch: list[I] = []
    size = _AROUND_BYTES
    for item in items:
        item_bytes = len(_encoder.encode(item)) + 1
        if batch and (size + item_bytes > PAYLOAD_BYTES_MAX or len(batch) == items_max):
            yield tuple(batch)
            batch, size = [], _AROUND_BYTES
        batch.append(item)
        size += item_bytes
    if batch:
        yield tuple(batch)


def _named(name: str, protection: Protection) -> Named:
    """Floor and signed revs above it; of merged ones as many as the message takes, the highest."""
    signed = [rev for revision in protection.above for rev in revision.signed]
    return Named(name, protection.floor_rev, tuple(sorted(signed)[-REVISIONS_MAX:]))
