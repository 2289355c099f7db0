"""What a fleet keeps: power may go at any byte of any write, and a journal file is a chain."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.guarded.identity import Identity
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.journal import Journal
from emulator.firmware.ticks import Tick
from emulator.fleet.files import (
    JOURNAL_LINES_MAX,
    LinkMemory,
    StateFolder,
    journal_line,
    put,
    read_journal,
    read_journal_line,
    write_journal,
)
from emulator.links.reporting import StoredMeter
from emulator.world.household import Household
from protocols import slots
from protocols.chain import GENESIS, Entry, append, verify
from protocols.documents.bodies import CutCalendarBody, HoldBody, LeaseBody, ReleaseBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import digest_of
from protocols.errors import DocumentError, InputError
from protocols.instants import DAY_MS, HOUR_MS
from protocols.limits import JOURNAL_ENTRIES_MAX
from protocols.link.records import ScreenShown
from protocols.reasons import ScreenCode, Supply
from protocols.spans import Window
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, PROFILE, ROOT, Workbench, sign
from tests.emulator.links.link_bench import Headend, household, key_of, link_of

IMAGE_BYTES_MAX = 8 * 1024
DEEDS = st.lists(st.sampled_from(["hold", "release", "permit", "wait"]), max_size=3)


class RecordingMemory:
    """A memory that remembers what every write to it was, what it held before, and how the supply stood."""

    def __init__(self, supplied: Household[GuardedMeter]) -> None:
        self.memory = bytearray(slots.memory_bytes(IMAGE_BYTES_MAX))
        self.writes: list[tuple[bytes, list[tuple[int, bytes]], bytes]] = []
        self.supply: dict[bytes, Supply] = {}
        self.entries: list[Entry] = []
        self._household = supplied

    def write(self, _meter: str, kept: StoredMeter, entries: Sequence[Entry]) -> None:
        payload = msgspec.msgpack.encode(kept)
        writes = slots.write(self.memory, payload)
        self.writes.append((bytes(self.memory), writes, payload))
        self.supply[payload] = self._household.meter.point.supply
        self.entries.extend(entries)
        put(self.memory, writes)


def days_of(deeds: list[str]) -> RecordingMemory:
    """The memory of a household without credit after a connect and these deeds, some hours apart."""
    household_ = household(balance_q=0)
    memory = RecordingMemory(household_)
    headend = Headend(link_of(household_, store=memory))
    bench = Workbench()
    headend.connect()
    for number, deed in enumerate(deeds, start=1):
        headend.wait_until(headend.now_ms + HOUR_MS)
        now_ms = bench.now_ms = headend.now_ms
        match deed:
            case "hold":
                headend.send(
                    sign(bench.order(Kind.HOLD, f"h{number}", HoldBody(now_ms, now_ms + 2 * HOUR_MS)))
                )
            case "release":
                headend.send(sign(bench.order(Kind.RELEASE, "m1", ReleaseBody(24))))
            case "permit":
                calendar = bench.order(
                    Kind.CUT_CALENDAR, "season", CutCalendarBody((Window(now_ms, now_ms + DAY_MS),))
                )
                lease = LeaseBody(calendar.object, calendar.rev, digest_of(calendar))
                headend.send(sign(calendar))
                headend.send(sign(bench.order(Kind.LEASE, "m1", lease)))
            case _:
                headend.wait_until(headend.now_ms + 4 * HOUR_MS)
    return memory


def restored(payload: bytes) -> GuardedMeter:
    kept = msgspec.msgpack.decode(payload, type=StoredMeter)
    identity = Identity("m1", frozenset(), key_of("m1"))
    meter = GuardedMeter.restore(identity, PROFILE, ROOT, kept.image, load_w=1_000, head=kept.head)
    assert meter.image() == kept.image
    assert meter.journal.head == kept.head
    return meter


@given(DEEDS)
def test_power_cut_at_every_byte_of_every_write_leaves_the_last_or_the_next_meter(deeds: list[str]) -> None:
    memory = days_of(deeds)
    assert len(memory.writes) > len(deeds)
    for number, (before, writes, payload) in enumerate(memory.writes):
        torn = bytearray(before)
        last = slots.read(before)
        for offset, data in writes:
            for at, byte in enumerate(data):
                torn[offset + at] = byte
                # Both ends of what is long; its middle is the business of `slots`, and tested there.
                if at < 16 or at > len(data) - 16:
                    assert slots.read(torn) in (last, payload)
        assert slots.read(torn) == payload
        assert number == 0 or last is not None
        meter = restored(payload)
        assert meter.point.supply is memory.supply[payload]
        assert meter.memory.clock.vouched_ms >= MONDAY_MS - 1_000
    assert verify(memory.entries) is None


def test_a_household_that_was_cut_is_still_cut_after_a_power_cut_and_can_be_released() -> None:
    memory = days_of(["permit", "wait"])
    meter = restored(memory.writes[-1][2])
    assert meter.point.supply is Supply.OFF
    assert meter.memory.opening is not None


# -- the memory file ----------------------------------------------------------------------------------

KEPT = StoredMeter(b"image", GENESIS, 1, 2, 0)


def chain(length: int, body: bytes = b'{"tick":0}') -> list[Entry]:
    entries: list[Entry] = []
    head = GENESIS
    for _ in range(length):
        entries.append(append(head, body))
        head = entries[-1].head
    return entries


def new_memory(folder: Path) -> LinkMemory:
    memory = LinkMemory(folder, "link-1", ["m1", "m2"])
    memory.create({"m1": KEPT, "m2": KEPT}, 7)
    return memory


def reopened(memory: LinkMemory, folder: Path) -> LinkMemory:
    memory.close()
    again = LinkMemory(folder, "link-1", ["m1", "m2"])
    again.open()
    return again


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    memory = new_memory(tmp_path)
    assert (memory.read("m1"), memory.births) == ((KEPT, []), 7)
    entries = chain(3)
    changed = StoredMeter(b"other", entries[-1].head, 5, 6, 2)
    memory.write("m2", changed, entries)
    memory.keep_births(8)
    again = reopened(memory, tmp_path)
    assert (again.read("m1"), again.read("m2"), again.births) == ((KEPT, []), (changed, entries), 8)


@pytest.mark.parametrize("size", [8 * 1024, 8 * 1024 + 1, 100_000])
def test_an_image_that_does_not_fit_makes_the_memory_larger_and_loses_nothing(
    tmp_path: Path, size: int
) -> None:
    memory = new_memory(tmp_path)
    large = StoredMeter(bytes(size), GENESIS, 1, 2, 0)
    memory.write("m2", large, [])
    assert (memory.read("m1")[0], memory.read("m2")[0], memory.births) == (KEPT, large, 7)
    again = reopened(memory, tmp_path)
    assert (again.read("m1")[0], again.read("m2")[0], again.births) == (KEPT, large, 7)


def test_both_slots_lost_is_told_apart_from_the_other_meters(tmp_path: Path) -> None:
    memory = new_memory(tmp_path)
    file = tmp_path / "link-1.memory"
    area = file.stat().st_size // 3
    data = bytearray(file.read_bytes())
    data[area : 2 * area] = b"\xff" * area
    file.write_bytes(data)
    again = reopened(memory, tmp_path)
    assert (again.read("m1")[0], again.read("m2")[0]) == (None, KEPT)
    again.write("m1", KEPT, [])
    assert again.read("m1")[0] == KEPT


def test_entries_that_no_image_knows_of_are_cut_off(tmp_path: Path) -> None:
    memory = new_memory(tmp_path)
    entries = chain(3)
    memory.write("m1", StoredMeter(b"image", entries[1].head, 1, 2, 0), entries)
    with (tmp_path / "journals" / "m1.jsonl").open("ab") as file:
        file.write(b'{"number":4,"previous_ha')
    again = reopened(memory, tmp_path)
    assert again.read("m1")[1] == entries[:2]
    assert read_journal(tmp_path / "journals" / "m1.jsonl") == entries[:2]


def test_a_journal_file_is_cut_back_to_what_a_ring_holds(tmp_path: Path) -> None:
    memory = new_memory(tmp_path)
    entries = chain(JOURNAL_LINES_MAX + 1)
    memory.write("m1", StoredMeter(b"image", entries[-1].head, 1, 2, 0), entries)
    assert read_journal(tmp_path / "journals" / "m1.jsonl") == entries[-JOURNAL_ENTRIES_MAX:]


def test_a_file_that_is_no_memory_of_this_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link-1.memory").write_bytes(b"x" * 100)
    with pytest.raises(InputError, match=r"link-1\.memory: 100 bytes; no memory of 2 meters"):
        LinkMemory(tmp_path, "link-1", ["m1", "m2"]).open()


def test_a_folder_belongs_to_one_fleet_and_one_set_of_choices(tmp_path: Path) -> None:
    with StateFolder(tmp_path / "state") as folder:
        folder.check_choices({"meters": 20, "seed": 1})
        folder.check_choices({"meters": 20, "seed": 1})
        with pytest.raises(InputError, match="keeps a fleet with seed 1, not 2; allowed: the same choices"):
            folder.check_choices({"meters": 20, "seed": 2})
        with pytest.raises(InputError, match="another fleet uses it"), StateFolder(tmp_path / "state"):
            pass
    with StateFolder(tmp_path / "state"):
        pass


# -- journal files ------------------------------------------------------------------------------------


def test_a_black_box_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    journal = Journal()
    for text in ("low credit", "é 20 €", ""):
        journal.append(Tick(1_000), ScreenShown(text, ScreenCode.ACCEPTED))
    file = tmp_path / "m1.jsonl"
    write_journal(file, journal)
    assert tuple(read_journal(file)) == journal.entries
    assert verify(read_journal(file)) is None


def test_a_line_on_paper() -> None:
    entry = append(GENESIS, b'{"tick":0,"record":{"event":"screen","text":"","code":""}}')
    line = journal_line(entry, t="2020-07-02T21:00:00Z")
    assert msgspec.json.decode(line) == {
        "number": 1,
        "previous_hash": GENESIS.hash.hex(),
        "hash": entry.hash.hex(),
        "body": '{"tick":0,"record":{"event":"screen","text":"","code":""}}',
        "t": "2020-07-02T21:00:00Z",
    }
    assert read_journal_line(line.encode()) == entry


@given(st.binary(max_size=300))
def test_a_line_of_garbage_is_an_error_in_words(line: bytes) -> None:
    with pytest.raises(DocumentError):
        read_journal_line(line)


def test_a_wrong_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "m1.jsonl"
    write_journal(file, chain(2))
    file.write_bytes(file.read_bytes() + b"{}\n")
    with pytest.raises(InputError, match=r"m1\.jsonl: line 3: .*allowed: an object with number"):
        read_journal(file)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_journal(tmp_path / "none.jsonl")
