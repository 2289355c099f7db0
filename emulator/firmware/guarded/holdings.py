"""Which documents a guarded meter holds: a sync compares them with what it should hold."""

from collections.abc import Mapping

from msgspec import Struct

from emulator.firmware.guarded.memory import Calendar, Lease, Memory
from protocols.documents.merging import Protection
from protocols.documents.statements import Totals


class Holdings(Struct, frozen=True, gc=False):
    """The documents stored at one moment. It never changes: tables are replaced, not edited."""

    protections: Mapping[str, Protection]
    calendars: Mapping[str, Calendar]
    lease: Lease | None
    totals: Totals
    cut_orders: tuple[str, ...]
    tombstones: tuple[str, ...]
    root_version: int
    issuers_version: int


def holdings_of(memory: Memory, root_version: int) -> Holdings:
    """The holdings in a memory, names in their order."""
    return Holdings(
        memory.protections,
        memory.calendars,
        memory.lease,
        memory.totals,
        tuple(sorted(memory.cut_orders)),
        tuple(sorted(memory.tombstones)),
        root_version,
        0 if memory.issuers is None else memory.issuers.version,
    )
