"""Lists, and values in blocks: whatever way a value is split, it means the same or nothing."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.demand import QUARTER_MS
from emulator.faces.dlms.deeds import BringUnsignedDate, BringUnsignedRequest
from emulator.faces.dlms.requests import LIST_BYTES_MAX, LONG_BYTES_MAX
from emulator.faces.dlms.services import GET_LIST_MAX
from emulator.faces.dlms.values import write_length
from emulator.faces.load_profile import QUARTERS_KEPT, LoadProfile, QuarterFlag, QuarterRow
from protocols.instants import UtcMs
from tests.emulator.faces.dlms.talking import ALL, Talk, opened

# How an attribute or a method is named.
TIME = "0008 0000010000ff 02"
ADJUST = "0008 0000010000ff 05"
DATES = "0203" + "".join(f"090c07e407{day:02x}ff000000008000ff" for day in (4, 3, 5))
VALUE = {TIME: "090c07e40704ff000000008000ff", ADJUST: DATES}
BROUGHT = [BringUnsignedDate(time_ms=1_593_813_600_000)]  # type: ignore[arg-type] # as it comes
NAMES = ["0001 00002a0000ff 02", "0008 0000010000ff 09", "0070 0000130a00ff 0b", "0008 0000010000ff 63"]


class Way(NamedTuple):
    """How a value comes: the tag of its requests, the forms of the first and the next, the answers."""

    target: str
    first: str
    following: str
    taken: str
    aborted: str
    done: str


SET = Way(TIME, "c102c1 {} 00", "c103c1", "c502c1", "c503c113", "c503c100")
ACTION = Way(ADJUST, "c304c1 {}", "c306c1", "c704c1", "c701c10f00", "c701c10000")
WAYS = (SET, ACTION)


def block(number: int, data: bytes, *, is_last: bool) -> str:
    return f"{is_last:02x}{number:08x}{write_length(len(data)).hex()}{data.hex()}"


def requests(way: Way, parts: Sequence[bytes]) -> list[str]:
    """The requests that bring a value in these parts."""
    heads = [way.first.format(way.target), *[way.following] * (len(parts) - 1)]
    return [
        f"{head} {block(number, part, is_last=number == len(parts))}"
        for number, (head, part) in enumerate(zip(heads, parts, strict=True), 1)
    ]


def split(data: bytes, at: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(each % (len(data) + 1) for each in at), len(data)]
    return [data[low:high] for low, high in pairwise(edges)]


def is_done(way: Way, answer: str, number: int) -> bool:
    return answer == way.done + (f"{number:08x}" if way is SET else "")


@given(st.sampled_from(WAYS), st.lists(st.integers(0, 100), max_size=8))
def test_any_split_gives_the_same_result(way: Way, at: list[int]) -> None:
    talk = opened(conformance=ALL)
    pdus = requests(way, split(bytes.fromhex(VALUE[way.target]), at))
    for number, pdu in enumerate(pdus[:-1], 1):
        assert talk.say(pdu) == f"{way.taken}{number:08x}"
        assert talk.brought == []
    assert is_done(way, talk.say(pdus[-1]), len(pdus))
    assert talk.brought == BROUGHT


@given(
    st.sampled_from(WAYS),
    st.lists(st.integers(0, 100), min_size=1, max_size=4),
    st.lists(st.integers(0, 5), max_size=10),
)
def test_only_all_blocks_in_their_order_do_anything(way: Way, at: list[int], order: list[int]) -> None:
    """Lost, doubled and swapped blocks are refused: it takes a whole run of them, from the first."""
    talk = opened(conformance=ALL)
    pdus = requests(way, split(bytes.fromhex(VALUE[way.target]), at))
    sent = [each % len(pdus) for each in order]
    due = runs = 0
    for each in sent:
        due = each + 1 if each in (0, due) else 0
        runs += due == len(pdus)
        due %= len(pdus)
        talk.say(pdus[each])
    assert talk.brought == BROUGHT * runs


@pytest.mark.parametrize("way", WAYS)
def test_a_block_that_is_not_due_ends_what_was_coming(way: Way) -> None:
    talk = opened(conformance=ALL)
    first, second, third = requests(way, split(bytes.fromhex(VALUE[way.target]), [3, 6]))
    tail = "00000003" if way is SET else ""
    assert talk.say(first) == way.taken + "00000001"
    assert talk.say(third) == way.aborted + tail
    gone = {SET: "c503c112" + "00000002", ACTION: "c701c11000"}
    assert talk.say(second) == gone[way]
    assert talk.brought == []


@pytest.mark.parametrize("way", WAYS)
def test_another_request_between_two_blocks_ends_what_was_coming(way: Way) -> None:
    talk = opened(conformance=ALL)
    first, second = requests(way, split(bytes.fromhex(VALUE[way.target]), [3]))
    talk.say(first)
    assert talk.say("c001c1 0008 0000010000ff 09 00") == "c401c1001601"
    talk.say(second)
    assert talk.brought == []


def test_blocks_of_a_set_are_none_of_an_action() -> None:
    talk = opened(conformance=ALL)
    talk.say(requests(SET, split(bytes.fromhex(VALUE[TIME]), [3]))[0])
    assert talk.say(f"{ACTION.following} {block(2, bytes(2), is_last=True)}") == "c701c11000"
    assert talk.brought == []


@pytest.mark.parametrize(("way", "aborted"), [(SET, "c503c111"), (ACTION, "c701c10f00")])
def test_what_is_too_long_or_no_value_is_dropped(way: Way, aborted: str) -> None:
    talk = opened(conformance=ALL)
    part = bytes(1_000)
    count = LONG_BYTES_MAX // len(part)
    answers = [talk.say(each) for each in requests(way, [part] * (count + 2))[: count + 1]]
    assert [each[:6] for each in answers[:-1]] == [way.taken] * count
    assert answers[-1].startswith(aborted)
    two_values = bytes.fromhex(VALUE[way.target]) + b"\x00"
    assert talk.say(requests(way, [two_values])[0]).startswith(aborted)
    assert talk.brought == []


def test_a_cut_in_blocks_is_refused_and_told_as_one_in_a_piece() -> None:
    talk = opened(conformance=ALL)
    pdu = f"c304c1 0046 000060030aff 01 {block(1, bytes.fromhex('0f00'), is_last=True)}"
    assert talk.say(pdu) == "c701c10300"
    assert talk.brought == [BringUnsignedRequest(bytes.fromhex(pdu))]


def get(talk: Talk, request: str, pdu_bytes: int) -> bytes:
    """The data of an answer, of its blocks if it comes in some."""
    answer = talk.say(request)
    if answer[:4] != "c402":
        return bytes.fromhex(answer)[3:]
    data, number = b"", 1
    while True:
        raw = bytes.fromhex(answer)
        assert int.from_bytes(raw[4:8], "big") == number
        assert raw[8] == 0
        size = raw[9] if raw[9] < 0x80 else int.from_bytes(raw[10 : 10 + raw[9] - 0x80], "big")
        assert len(raw) <= pdu_bytes
        data += raw[len(raw) - size :]
        if raw[3]:
            return data
        answer = talk.say(f"c002c1 {number:08x}")
        number += 1


@given(st.lists(st.sampled_from(NAMES), max_size=GET_LIST_MAX), st.sampled_from([32, 40, 1_024]))
def test_a_list_gives_what_each_alone_gives(names: list[str], pdu_bytes: int) -> None:
    talk = opened(pdu_bytes, ALL)
    single = [get(talk, f"c001c1 {name} 00", pdu_bytes) for name in names]
    listed = get(talk, f"c003c1 {len(names):02x} " + " ".join(f"{name} 00" for name in names), pdu_bytes)
    assert listed == write_length(len(names)) + b"".join(single)


def test_of_a_list_no_more_is_read_than_there_is_room_for() -> None:
    rows = tuple(
        QuarterRow(UtcMs(each * QUARTER_MS), each, QuarterFlag.NONE) for each in range(QUARTERS_KEPT)
    )
    talk = opened(conformance=ALL)
    talk.view = replace(talk.view, load_profile=LoadProfile(0, rows=rows))
    profile = "0007 0100630100ff 02 00"
    one = get(talk, f"c001c1 {profile}", 1_024)
    several = -(-LIST_BYTES_MAX // len(one))
    answers = get(talk, f"c003c1 20 {' '.join([profile] * GET_LIST_MAX)}", 1_024)
    refused = b"\x01\xfa" * (GET_LIST_MAX - several)
    assert answers == bytes((GET_LIST_MAX,)) + (b"\x00" + one) * several + refused


def test_a_list_that_is_too_long_is_broken() -> None:
    names = " ".join([f"{NAMES[0]} 00"] * (GET_LIST_MAX + 1))
    assert opened(conformance=ALL).say(f"c003c1 {GET_LIST_MAX + 1:02x} {names}") == "d80103"
