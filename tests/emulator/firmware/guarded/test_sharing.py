"""Meters of one process share what they store alike: nobody sees it in what any of them does or keeps."""

import pytest
from hypothesis import given

from emulator.firmware.guarded.image import decode_image, encode_image
from emulator.firmware.guarded.sharing import NO_ENTRIES, shared_table, without
from protocols.instants import DAY_MS
from tests.emulator.firmware.guarded.programs import Step, live, programs
from tests.emulator.firmware.guarded.workbench import ISSUERS, MONDAY_MS, Workbench


@given(program=programs)
def test_what_happens_to_one_meter_changes_nothing_in_another(program: list[Step]) -> None:
    one, other = Workbench(), Workbench()
    for bench in (one, other):
        bench.permit((MONDAY_MS, MONDAY_MS + DAY_MS))
        bench.hold("a", MONDAY_MS, MONDAY_MS + DAY_MS)
    assert one.meter.memory.protections is other.meter.memory.protections
    before = other.meter.image()
    live(one, program)
    assert other.meter.image() == before
    assert not NO_ENTRIES


def test_meters_of_one_document_share_it_until_one_is_paid() -> None:
    one, other = Workbench(issuers=ISSUERS), Workbench(issuers=ISSUERS)
    for name in ("issuers", "totals", "allowances"):
        assert getattr(one.meter.memory, name) is getattr(other.meter.memory, name)
    before = other.meter.image()
    one.state(50_000_000)
    one.state(90_000_000)
    assert other.meter.image() == before
    assert decode_image(before).issuers is one.meter.issuers


@given(program=programs)
def test_a_meter_restored_from_its_image_shares_again_and_keeps_every_byte(program: list[Step]) -> None:
    bench = Workbench()
    live(bench, program)
    restored = decode_image(bench.meter.image())
    assert restored.protections is bench.meter.memory.protections
    assert restored.calendars is bench.meter.memory.calendars
    assert restored.lease is bench.meter.memory.lease
    assert encode_image(restored) == bench.meter.image()


@pytest.mark.parametrize(
    ("keys", "left"),
    [((), {"a": 1, "b": 2}), (("a",), {"b": 2}), (("c",), {"a": 1, "b": 2}), (("a", "b"), {})],
)
def test_a_table_without_some_entries_is_another_table(keys: tuple[str, ...], left: dict[str, int]) -> None:
    table = shared_table({"a": 1, "b": 2})
    assert without(table, *keys) == left
    assert table == {"a": 1, "b": 2}
