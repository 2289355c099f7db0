"""A numbered release works from any clock and cannot be replayed; a key uses up its own numbers alone."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from emulator.firmware.guarded.clock import earliest_ms
from emulator.firmware.guarded.image import decode_image
from protocols.documents.bodies import Named, ReleaseBody
from protocols.documents.kind_rule import Kind
from protocols.documents.merging import NOTHING, count_up, highest_number, knows
from protocols.documents.orders import Order
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS
from protocols.limits import INSTANT_MS_MAX, INSTANT_MS_MIN, REV_MAX, REVISIONS_MAX
from protocols.link.records import OrderJudged
from protocols.reasons import ClockStatus, Refusal
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, SIGNERS, Workbench

KEYS = ("anna", "bert")
INSTANTS = st.integers(INSTANT_MS_MIN, INSTANT_MS_MAX - 1)


def release_by(bench: Workbench, who: str, number: int, begins_ms: int, ends_ms: int) -> Order:
    return bench.order(
        Kind.RELEASE,
        SIGNERS[who].keyid,
        ReleaseBody(24),
        rev=number,
        not_before_ms=begins_ms,
        not_after_ms=ends_ms,
    )


def judge(bench: Workbench, order: Order, who: str) -> OrderJudged:
    return bench.send(order, (who,))


class TwoKeysRelease(RuleBasedStateMachine):
    """Two people release, under any dates; anybody repeats and reorders what they have signed.

    The model holds what each key carried out: numbers only rise, and a document acts once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bench = Workbench()
        self.highest = dict.fromkeys(KEYS, 0)
        self.carried_out: list[Order] = []
        self.signed: list[tuple[Order, str]] = []

    @rule(who=st.sampled_from(KEYS), number=st.integers(1, 40), dates=st.tuples(INSTANTS, INSTANTS))
    def sign_and_send(self, who: str, number: int, dates: tuple[int, int]) -> None:
        begins_ms, ends_ms = min(dates), max(dates) + 1
        self.signed.append((release_by(self.bench, who, number, begins_ms, ends_ms), who))
        self.arrives(len(self.signed) - 1)

    @rule(place=st.integers(0, 200))
    def arrives(self, place: int) -> None:
        if not self.signed:
            return
        order, who = self.signed[place % len(self.signed)]
        judged = judge(self.bench, order, who)
        if order.rev > self.highest[who]:
            assert (judged.verdict, judged.reason) == ("accepted", "released")
            self.highest[who] = order.rev
            self.carried_out.append(order)
            assert self.bench.meter.memory.release_ends_at == self.bench.tick + 24 * HOUR_MS
        elif order in self.carried_out and len(self.carried_out) <= REVISIONS_MAX:
            assert (judged.verdict, judged.reason) == ("accepted", "repeated")
        elif order not in self.carried_out:
            assert (judged.verdict, judged.reason) == ("refused", "stale_number")
            assert judged.known_number == self.highest[who]

    @rule(ms=st.integers(1, 30 * HOUR_MS))
    def time_passes(self, ms: int) -> None:
        self.bench.wait(ms)

    @rule()
    def the_mains_and_the_memory_come_back(self) -> None:
        self.bench.meter.memory = decode_image(self.bench.meter.image())
        self.bench.meter.point.credit = self.bench.meter.memory.credit

    @invariant()
    def a_key_uses_up_its_own_numbers_alone(self) -> None:
        protections = self.bench.meter.memory.protections
        for who in KEYS:
            held = protections.get(f"release/{SIGNERS[who].keyid}", NOTHING)
            assert highest_number(held) == self.highest[who]


TestTwoKeysRelease = TwoKeysRelease.TestCase
TestTwoKeysRelease.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("ahead_ms", [0, 60 * DAY_MS, -400 * DAY_MS, 20_000 * DAY_MS])
@pytest.mark.parametrize("clock", ["trusted", "lost"])
def test_a_release_works_from_any_clock(ahead_ms: int, clock: str) -> None:
    bench = Workbench()
    if clock == "lost":
        bench.meter.memory.clock.latest = None
    begins_ms = bench.now_ms + ahead_ms
    order = release_by(bench, "anna", 1, begins_ms, begins_ms + MINUTE_MS)
    assert judge(bench, order, "anna").reason == "released"
    assert judge(bench, order, "anna").reason == "repeated"


# What a meter does with a dated release: its clock, by how long the end is over, and what it answers.
DATED = """
 trusted   -1   released
 trusted    0   expired
 trusted    1   expired
 trusted    86400000   expired
 disputed   0   released
 disputed   86400000   released
 lost       86400000   released
"""


@pytest.mark.parametrize("line", DATED.strip().splitlines())
def test_a_dated_release_is_refused_only_where_its_end_is_surely_over(line: str) -> None:
    clock, over, wanted = line.split()
    bench = Workbench()
    low_ms = earliest_ms(bench.meter.memory.clock, bench.tick)
    order = dated(bench, 1, low_ms - int(over))
    if clock == "lost":
        bench.meter.memory.clock.latest = None
    bench.meter.memory.clock.status = ClockStatus(clock)
    before = bench.meter.memory.protections
    assert judge(bench, order, "anna").reason == wanted
    if wanted == "expired":
        # It has used up no number and left nothing, and the same key's next one works.
        assert bench.meter.memory.protections == before
        assert bench.meter.memory.release_ends_at == 0
        assert judge(bench, dated(bench, 1, low_ms + HOUR_MS), "anna").reason == "released"
    else:
        # Whatever comes later of the same document is a repetition, also after its end.
        bench.meter.memory.clock.status = ClockStatus.TRUSTED
        bench.wait(2 * DAY_MS)
        assert judge(bench, order, "anna").reason == "repeated"


@given(st.integers(-3 * DAY_MS, 3 * DAY_MS), st.integers(1, 3 * DAY_MS), st.integers(0, 3 * DAY_MS))
def test_a_meter_whose_clock_is_right_refuses_none_before_its_end(
    issued_ms: int, length_ms: int, waits_ms: int
) -> None:
    bench = Workbench()
    bench.wait(waits_ms)
    begins_ms = bench.now_ms + issued_ms
    order = msgspec.structs.replace(
        dated(bench, 1, begins_ms + length_ms), issued_at_ms=begins_ms, not_before_ms=begins_ms
    )
    reason = judge(bench, order, "anna").reason
    if bench.now_ms < order.not_after_ms:
        assert reason == "released"
    else:
        late_ms = bench.now_ms - earliest_ms(bench.meter.memory.clock, bench.tick)
        assert (reason == "expired") == (bench.now_ms - late_ms >= order.not_after_ms)


def dated(bench: Workbench, number: int, ends_ms: int) -> Order:
    """A release that begins when it is issued: a clerk has said until when the card may be put in."""
    begins_ms = min(bench.now_ms, ends_ms) - HOUR_MS
    order = release_by(bench, "anna", number, begins_ms, ends_ms)
    return msgspec.structs.replace(order, issued_at_ms=begins_ms)


def test_the_last_number_of_a_stolen_key_burns_no_other_key() -> None:
    bench = Workbench()
    day = (MONDAY_MS, MONDAY_MS + DAY_MS)
    assert judge(bench, release_by(bench, "anna", REV_MAX, *day), "anna").reason == "released"
    refused = judge(bench, release_by(bench, "anna", 1, *day), "anna")
    assert (refused.reason, refused.known_number) == ("stale_number", REV_MAX)
    assert judge(bench, release_by(bench, "bert", 1, *day), "bert").reason == "released"


def test_nobody_numbers_releases_of_a_key_that_did_not_sign() -> None:
    bench = Workbench()
    order = release_by(bench, "anna", REV_MAX, MONDAY_MS, MONDAY_MS + DAY_MS)
    assert judge(bench, order, "bert").reason == "too_few_signers"
    assert bench.send(order, ("dora", "bert")).reason == "too_few_signers"
    # A key of another role has signed it, and numbers nothing.
    odd = bench.order(Kind.RELEASE, SIGNERS["dora"].keyid, ReleaseBody(24))
    assert bench.send(odd, ("dora", "bert")).reason == "too_few_signers"
    assert judge(bench, release_by(bench, "anna", 1, MONDAY_MS, MONDAY_MS + 1), "anna").reason == "released"


def test_another_document_of_a_number_is_no_repetition() -> None:
    bench = Workbench()
    day = (MONDAY_MS, MONDAY_MS + DAY_MS)
    before, after = (release_by(bench, "anna", 7, *day) for _ in range(2))
    assert judge(bench, before, "anna").reason == "released"
    found = judge(bench, after, "anna")
    assert (found.verdict, found.reason, found.known_number) == ("refused", "stale_number", 7)


def test_a_release_without_a_number_means_what_it_meant() -> None:
    bench = Workbench()
    order = bench.order(Kind.RELEASE, "m1", ReleaseBody(24), rev=7)
    late = bench.order(Kind.RELEASE, "m1", ReleaseBody(24), rev=8, not_after_ms=MONDAY_MS - MINUTE_MS)
    assert [bench.send(each).reason for each in (order, order, late)] == ["released", "repeated", "expired"]
    lower = bench.order(Kind.RELEASE, "m1", ReleaseBody(24), rev=6)
    assert bench.send(lower).reason == "released", "its revs may come in any order"


def test_a_lease_that_names_a_number_permits_nothing_before_it_has_come() -> None:
    keyid = SIGNERS["anna"].keyid
    bench = Workbench(balance_q=0)
    bench.permit((MONDAY_MS, MONDAY_MS + 30 * DAY_MS), names=(Named(f"release/{keyid}", 0, (5,)),))
    assert bench.wait(3 * HOUR_MS).supply == "on"
    judge(bench, release_by(bench, "anna", 5, MONDAY_MS, MONDAY_MS + 1), "anna")
    assert bench.wait(23 * HOUR_MS).supply == "on"
    assert bench.wait(3 * HOUR_MS).supply == "off", "24 hours of ticks after it was carried out"


@given(st.lists(st.integers(1, 60), max_size=40))
def test_a_meter_holds_a_bounded_part_of_a_keys_numbers_and_its_highest_for_ever(numbers: list[int]) -> None:
    held = NOTHING
    highest = 0
    for number in numbers:
        joined = count_up(held, number, "one document")
        if number in {each.rev for each in held.above}:
            assert joined is held, "a repetition"
        elif number > highest:
            assert not isinstance(joined, Refusal)
            held = joined
        else:
            assert joined is Refusal.STALE_NUMBER
        highest = max(highest, number)
        assert highest_number(held) == highest
        assert len(held.above) <= REVISIONS_MAX
        assert knows(held, Named("release/x", 0, (highest,)))
        assert not knows(held, Named("release/x", 0, (highest + 1,)))


def test_a_record_without_a_known_number_has_the_bytes_that_it_had() -> None:
    judged = Workbench().hold("a", MONDAY_MS, MONDAY_MS + DAY_MS)
    assert b"known_number" not in msgspec.json.encode(judged)
