"""What a link says of its meters fits its messages, also of a meter that holds as much as it can."""

import msgspec

from emulator.firmware.guarded.memory import Calendar, CutOrder, Lease
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.guarded.paying import take_issuers
from emulator.firmware.guarded.told import holds_of
from emulator.firmware.ticks import FIRST_TICK
from emulator.links.syncing import sync_messages
from protocols.documents.bodies import Named
from protocols.documents.merging import NOTHING, declare
from protocols.documents.statements import Statement, Totals
from protocols.limits import (
    ISSUERS_TOLD_MAX,
    OBJECTS_MAX,
    PAYLOAD_BYTES_MAX,
    REV_MAX,
    REVISIONS_MAX,
    TOMBSTONES_MAX,
)
from protocols.link.messages import CalendarHeld, StatementHeld, Sync, read_message
from protocols.link.proofs import Purpose, with_mac
from protocols.reasons import Refusal
from protocols.spans import Window
from tests.emulator.firmware.guarded.workbench import issuers_of
from tests.emulator.links.link_bench import household


def test_a_meter_says_all_it_holds() -> None:
    meter = household().meter
    memory = meter.memory
    held = declare(NOTHING, 3, 10, 20)
    assert not isinstance(held, Refusal)
    memory.protections = {"hold/b": held, "flag/medical": held}
    memory.calendars = {"calendar/c": Calendar(4, "d" * 64, (Window(1, 2),))}
    memory.lease = Lease(9, "calendar/c", 4, "d" * 64, 777, ())
    memory.totals = Totals((Statement("controller", 2, 5_000_000),))
    memory.cut_orders = {"cut/x": CutOrder(1, 1, 2)}
    memory.tombstones = {"cut/y": 1}
    holds = holds_of(meter)
    assert holds.protections == (Named("flag/medical", 0, (3,)), Named("hold/b", 0, (3,)))
    assert holds.calendars == (CalendarHeld("calendar/c", 4, "d" * 64),)
    assert (holds.lease_rev, holds.lease_ends_ms, holds.root_version) == (9, 777, 1)
    assert holds.statements == (StatementHeld("controller", 2, 5_000_000),)
    assert (holds.cut_orders, holds.tombstones) == (("cut/x",), ("cut/y",))
    assert holds.issuers_version == 0


def test_a_meter_names_both_epochs_of_its_issuers_and_those_in_force_before_others() -> None:
    meter = household().meter
    assert take_issuers(meter.memory, issuers_of(7, zoe=("zoe", 2, 1)), FIRST_TICK) is None
    others = tuple(Statement(f"a{number:03}", 1, 1) for number in range(ISSUERS_TOLD_MAX))
    of_zoe = (Statement("zoe", 3, 30, 1), Statement("zoe", 0, 0, 2))
    meter.memory.totals = Totals((*others, *of_zoe))
    holds = holds_of(meter)
    assert holds.issuers_version == 7
    assert len(holds.statements) == ISSUERS_TOLD_MAX
    assert holds.statements[-2:] == (StatementHeld("zoe", 3, 30, 1), StatementHeld("zoe", 0, 0, 2))
    assert b'"epoch"' not in msgspec.json.encode(holds.statements[0]), "older readers know no epoch"


def said(meter: GuardedMeter) -> bytes:
    word: bytes = msgspec.json.encode(holds_of(meter))
    return with_mac(word, Purpose.HOLDS, "link-1", b"k")


def test_a_meter_that_holds_as_much_as_it_can_still_fits_and_names_less() -> None:
    full, other = household("m1").meter, household("m2").meter
    protection = NOTHING
    for number in range(REVISIONS_MAX + 10):
        joined = declare(protection, REV_MAX - 1_000 * number, 10, 20)
        assert not isinstance(joined, Refusal)
        protection = joined
    names = [f"hold/{number:064d}" for number in range(OBJECTS_MAX)]
    full.memory.protections = dict.fromkeys(names, protection)
    full.memory.tombstones = {f"cut/{number:064d}": 1 for number in range(TOMBSTONES_MAX)}
    messages = sync_messages("link-1", [said(full), said(other)])
    assert all(len(message) <= PAYLOAD_BYTES_MAX for message in messages)
    syncs = [read_message(message, Sync) for message in messages]
    assert [each.meter for sync in syncs for each in sync.meters] == ["m1", "m2"]
    named = syncs[0].meters[0].protections
    assert 0 < len(named) < OBJECTS_MAX
    assert named[0].revs == tuple(
        sorted(r for each in protection.above for r in each.signed)[-REVISIONS_MAX:]
    )


def test_a_link_without_meters_says_so_in_one_message() -> None:
    (message,) = sync_messages("link-1", [])
    assert read_message(message, Sync) == Sync(link="link-1", meters=(), more=False)
