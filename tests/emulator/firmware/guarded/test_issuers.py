"""An issuer's key credits up to its allowance; what is above waits, and comes by itself or by two people."""

from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.firmware.effects import RecordEmitted
from emulator.firmware.events import NewEpoch, TicksLost
from emulator.firmware.guarded.image import decode_image, encode_image
from emulator.firmware.guarded.meter import GuardedMeter
from protocols import slots
from protocols.documents.issuers import Issuers
from protocols.documents.statements import Statement
from protocols.instants import DAY_MS, HOUR_MS, SECOND_MS
from protocols.limits import BALANCE_EUR_MAX, ISSUERS_HELD_MAX, ISSUERS_MAX, REV_MAX, STATEMENT_UEUR_MAX
from protocols.link.records import CreditChanged
from protocols.units import QUANTA_PER_EUR, QUANTA_PER_UEUR
from tests.emulator.firmware.guarded.workbench import (
    ISSUERS,
    MONDAY_MS,
    PROFILE,
    EverySecond,
    Workbench,
    issuers_of,
    trace,
)

E = 1_000_000
# What the controller may spend in a day, and in a second.
DAY_UEUR, SECOND_UEUR = 86_400_000, 1_000
NEXT_EPOCH = issuers_of(2, controller=("service2", 2, DAY_UEUR))


def founded(**changes: object) -> Workbench:
    return Workbench(issuers=ISSUERS, load_w=0, **changes)  # type: ignore[arg-type] # fields of a workbench


def credited_ueur(bench: Workbench) -> int:
    """What came into the purse; the statements agree with it."""
    memory = bench.meter.memory
    assert memory.credit.credited_q == memory.totals.credited_ueur * QUANTA_PER_UEUR
    return memory.totals.credited_ueur


def waits(bench: Workbench) -> list[tuple[str, int]]:
    return [(name, each.total_ueur) for name, each in bench.meter.memory.waiting.items()]


def credit_causes(bench: Workbench) -> list[str]:
    return [
        e.record.cause
        for e in bench.effects
        if isinstance(e, RecordEmitted) and isinstance(e.record, CreditChanged)
    ]


def power_cut(bench: Workbench, issuers: Issuers | None = None) -> None:
    """The meter goes on from its image, its ticks not yet lost."""
    old = bench.meter
    bench.meter = GuardedMeter.restore(
        old.identity,
        old.profile,
        old.root,
        old.image(),
        load_w=bench.load_w,
        head=old.journal.head,
        issuers=issuers,
    )


# -- who may sign ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issuer", "epoch", "signers", "reason"),
    [
        ("controller", 1, ("service",), "credited"),
        ("controller", 1, ("service", "anna"), "credited"),
        ("controller", 1, ("anna",), "too_few_signers"),
        ("controller", 1, ("anna", "bert", "dora", "eric"), "too_few_signers"),
        ("controller", 1, ("thief",), "too_few_signers"),
        ("controller", 0, ("anna",), "stale_epoch"),
        ("controller", 0, ("service",), "stale_epoch"),
        ("controller", 2, ("service",), "unknown_issuer"),
        ("kiosk", 1, ("service",), "unknown_issuer"),
        ("kiosk", 0, ("anna",), "unknown_issuer"),
    ],
)
def test_with_an_issuers_document_only_the_issuers_key_signs_payments(
    issuer: str, epoch: int, signers: tuple[str, ...], reason: str
) -> None:
    bench = founded()
    assert bench.state(5 * E, *signers, issuer=issuer, epoch=epoch).reason == reason
    assert credited_ueur(bench) == (5 * E if reason == "credited" else 0)


@pytest.mark.parametrize(
    ("epoch", "signers", "reason"),
    [
        (0, ("anna",), "credited"),
        (0, ("service",), "too_few_signers"),
        (1, ("anna",), "unknown_issuer"),
        (1, ("service",), "too_few_signers"),
    ],
)
def test_without_one_a_person_signs_them_in_epoch_0(
    epoch: int, signers: tuple[str, ...], reason: str
) -> None:
    assert Workbench().state(500 * E, *signers, epoch=epoch).reason == reason


@pytest.mark.parametrize(
    ("issuers", "people", "reason"),
    [
        (NEXT_EPOCH, (), "stored"),
        (NEXT_EPOCH, ("dora",), "too_few_signers"),
        (NEXT_EPOCH, ("anna", "bert"), "too_few_signers"),
        (ISSUERS, (), "stale_rev"),
        (issuers_of(2), (), "stored"),
    ],
)
def test_the_document_is_taken_from_two_people_and_never_goes_back(
    issuers: Issuers, people: tuple[str, ...], reason: str
) -> None:
    bench = founded()
    before = bench.meter.memory.issuers
    judged = bench.name_issuers(issuers, *people)
    assert judged.reason == reason
    assert (judged.kind, judged.object, judged.rev) == (
        ("issuers", "issuers", issuers.version) if reason == "stored" else ("", "", 0)
    )
    assert bench.meter.memory.issuers == (issuers if reason == "stored" else before)
    assert bench.meter.holdings().issuers_version == (issuers.version if reason == "stored" else 1)


def test_bytes_that_are_no_issuers_document_change_nothing() -> None:
    bench = founded()
    before = encode_image(replace(bench.meter.memory, garbage_noted_at=None))
    broken = msgspec.structs.replace(NEXT_EPOCH, issuers=(*NEXT_EPOCH.issuers, *NEXT_EPOCH.issuers))
    with pytest.raises(Exception, match="stands twice"):
        bench.name_issuers(broken)
    assert encode_image(replace(bench.meter.memory, garbage_noted_at=None)) == before


# -- how much -------------------------------------------------------------------------------------

#   seconds since the start, total, signers, reason, credited afterwards
Line = tuple[int, int, tuple[str, ...], str, int]
BOTH = ("service", "dora", "eric")
LEDGERS: dict[str, list[Line]] = {
    "one day is there at once, and no more": [
        (0, DAY_UEUR + 1, (), "over_limit", 0),
        (0, DAY_UEUR, (), "credited", DAY_UEUR),
        (0, DAY_UEUR + 1, (), "over_limit", DAY_UEUR),
    ],
    "it grows by the second, and comes by itself": [
        (0, DAY_UEUR + 10_000, (), "over_limit", 0),
        (9, 1, (), "credited", 1),
        (10, 0, (), "repeated", DAY_UEUR + 10_000),
    ],
    "months away are saved": [(90 * 86_400, 91 * DAY_UEUR, (), "credited", 91 * DAY_UEUR)],
    "each credit takes its difference": [
        (0, 80_000_000, (), "credited", 80_000_000),
        (0, 86_400_000, (), "credited", 86_400_000),
        (1, 86_401_000, (), "credited", 86_401_000),
        (1, 86_401_001, (), "over_limit", 86_401_000),
        # The thousandth of a second comes with the next whole one.
        (2, 0, (), "repeated", 86_401_001),
    ],
    "of two the lower total waits": [
        (0, 200 * E, (), "over_limit", 0),
        (0, 100 * E, (), "over_limit", 0),
        (0, 999 * E, (), "over_limit", 0),
        (13_600, 0, (), "repeated", 100 * E),
        (113_599, 200 * E, (), "over_limit", 100 * E),
        (113_600, 0, (), "repeated", 200 * E),
    ],
    "what is covered is credited at once although another waits": [
        (0, 100 * E, (), "over_limit", 0),
        (0, 60 * E, (), "credited", 60 * E),
        (13_600, 0, (), "repeated", 100 * E),
    ],
    "two people credit it at once, and take nothing of the allowance": [
        (0, 100 * E, (), "over_limit", 0),
        (0, 100 * E, ("service", "dora"), "over_limit", 0),
        (0, 100 * E, ("service", "anna", "bert"), "over_limit", 0),
        (0, 100 * E, ("dora", "eric"), "too_few_signers", 0),
        (0, 100 * E, BOTH, "credited", 100 * E),
        (0, 100 * E + DAY_UEUR, (), "credited", 100 * E + DAY_UEUR),
    ],
    "the last number and the greatest total silence nobody": [
        (0, STATEMENT_UEUR_MAX, (), "out_of_range", 0),
        (0, 5 * E, (), "credited", 5 * E),
        (0, 0, (), "repeated", 5 * E),
    ],
}


@pytest.mark.parametrize("name", LEDGERS)
def test_a_ledger_of_what_an_issuer_may_credit(name: str) -> None:
    bench = founded()
    for seconds, total_ueur, signers, reason, held_ueur in LEDGERS[name]:
        bench.wait_until(MONDAY_MS + seconds * SECOND_MS)
        judged = bench.state(total_ueur, *signers, number=REV_MAX)
        assert (judged.reason, credited_ueur(bench)) == (reason, held_ueur), (name, seconds, total_ueur)


def test_a_part_of_a_tick_counts_as_a_whole_one() -> None:
    """At 86,399,999 µ€ a day a thousand of them take a little more than a second."""
    bench = Workbench(issuers=issuers_of(controller=("service", 1, DAY_UEUR - 1)), load_w=0)
    assert bench.state(DAY_UEUR - 1 + 1_000).reason == "over_limit"
    bench.wait(SECOND_MS)
    assert credited_ueur(bench) == 0
    bench.wait(SECOND_MS)
    assert credited_ueur(bench) == DAY_UEUR - 1 + 1_000


def test_a_household_without_light_gets_it_back_at_the_second_of_the_credit() -> None:
    bench = Workbench(profile=PROFILE, balance_q=0, load_w=0, issuers=ISSUERS)
    bench.permit((MONDAY_MS, MONDAY_MS + 2 * HOUR_MS))
    bench.wait(2 * HOUR_MS)
    assert bench.supply == "off"
    assert bench.state(DAY_UEUR + 7_200_000 + 600_500).reason == "over_limit"
    assert bench.wait(600 * SECOND_MS).supply == "off"
    assert bench.wait(SECOND_MS).supply == "on"
    assert bench.supply_changes()[-1] == (7_801, "on", "top_up")
    assert credit_causes(bench)[-1] == "allowance"


def test_what_the_purse_has_no_room_for_is_forgotten_and_refused_when_it_comes_again() -> None:
    bench = founded(balance_q=(BALANCE_EUR_MAX - 100) * QUANTA_PER_EUR)
    kiosk = issuers_of(2, controller=("service", 1, DAY_UEUR), kiosk=("kiosk", 1, DAY_UEUR))
    bench.name_issuers(kiosk)
    assert bench.state(90 * E).reason == "over_limit"
    assert bench.state(80 * E, "kiosk", issuer="kiosk").reason == "credited"
    bench.wait(HOUR_MS)
    assert (waits(bench), credited_ueur(bench)) == ([], 80 * E)
    assert bench.state(90 * E).reason == "out_of_range"


# -- epochs ---------------------------------------------------------------------------------------


def test_a_new_epoch_closes_the_old_one_for_good_and_counts_from_0() -> None:
    bench = founded()
    bench.state(80 * E)
    bench.state(500 * E)
    bench.name_issuers(NEXT_EPOCH)

    assert waits(bench) == []
    assert bench.state(85 * E).reason == "stale_epoch"
    assert bench.state(85 * E, "service", "dora", "eric").reason == "stale_epoch"
    assert bench.state(10 * E, "service", epoch=2).reason == "too_few_signers"
    assert bench.state(86 * E, "service2", epoch=2).reason == "credited", "a day's allowance, anew"
    assert credited_ueur(bench) == 166 * E
    assert bench.meter.totals.held == (
        Statement("controller", 1, 80 * E, 1),
        Statement("controller", 1, 86 * E, 2),
    )
    bench.name_issuers(issuers_of(3, controller=("service3", 4, DAY_UEUR)))
    assert bench.meter.totals.closed_ueur == 80 * E
    assert credited_ueur(bench) == 166 * E
    bench.wait(400 * DAY_MS)
    assert credited_ueur(bench) == 166 * E


def test_the_first_document_closes_what_a_person_signed() -> None:
    bench = Workbench(load_w=0)
    bench.pay(1, 30 * E)
    assert bench.name_issuers(ISSUERS).reason == "stored"
    assert bench.pay(2, 40 * E).reason == "stale_epoch"
    assert bench.state(10 * E).reason == "credited"
    assert credited_ueur(bench) == 40 * E
    assert bench.meter.memory.issuers_of == {}


@pytest.mark.parametrize(("owner", "kept"), [("service", True), ("service2", False)])
def test_what_waits_is_kept_only_if_its_key_still_counts(owner: str, kept: bool) -> None:
    bench = founded()
    bench.state(50 * E)
    bench.state(100 * E)
    bench.name_issuers(issuers_of(2, controller=(owner, 1, DAY_UEUR)))
    assert waits(bench) == ([("controller", 100 * E)] if kept else [])
    bench.wait(13_600 * SECOND_MS)
    assert credited_ueur(bench) == (100 * E if kept else 50 * E)


def test_another_allowance_counts_from_the_document_on() -> None:
    bench = founded()
    bench.wait(100 * SECOND_MS)
    bench.name_issuers(issuers_of(2, controller=("service", 1, 2 * DAY_UEUR)))
    bench.wait(100 * SECOND_MS)
    level_ueur = DAY_UEUR + 100 * SECOND_UEUR + 100 * 2 * SECOND_UEUR
    assert bench.state(level_ueur + 1).reason == "over_limit"
    assert bench.state(level_ueur).reason == "credited"


def test_an_issuer_that_is_dropped_and_named_again_credits_nothing_twice() -> None:
    bench = founded()
    bench.state(50 * E)
    bench.name_issuers(issuers_of(2))
    assert bench.state(60 * E).reason == "unknown_issuer"
    bench.name_issuers(issuers_of(3, controller=("service", 1, DAY_UEUR)))
    assert bench.state(50 * E).reason == "repeated"
    assert bench.state(51 * E).reason == "credited"
    assert credited_ueur(bench) == 51 * E


def test_a_meter_remembers_a_bounded_number_of_issuers() -> None:
    bench = founded()
    version = 2
    for number in range(0, ISSUERS_HELD_MAX, ISSUERS_MAX):
        names = {f"kiosk{each}": (f"kiosk{each}", 1, E) for each in range(number, number + ISSUERS_MAX)}
        assert bench.name_issuers(issuers_of(version, **names)).reason == "stored"
        for name in names:
            assert bench.state(1, name, issuer=name).reason == "credited"
        version += 1
    credited = credited_ueur(bench)
    more = issuers_of(version, one_more=("one-more", version, E))
    assert bench.name_issuers(more).reason == "stored"
    assert (bench.meter.totals.closed_epoch, credited_ueur(bench)) == (1, credited)
    assert len({each.issuer for each in bench.meter.totals.held}) == ISSUERS_HELD_MAX
    power_cut(bench, issuers=more)
    back = issuers_of(version + 1, kiosk0=("kiosk0", 1, E))
    assert bench.name_issuers(back).reason == "stale_rev"
    later = issuers_of(version + 1, kiosk0=("kiosk0", version + 1, E))
    assert bench.name_issuers(later).reason == "stored"
    assert credited_ueur(bench) == credited


# -- what survives --------------------------------------------------------------------------------


def test_what_waits_comes_after_a_power_cut_too() -> None:
    bench = founded()
    bench.state(100 * E)
    bench.wait(3_600 * SECOND_MS)
    power_cut(bench, issuers=NEXT_EPOCH)
    assert bench.meter.memory.issuers == ISSUERS, "what it holds goes before what it is given"
    bench.wait(9_999 * SECOND_MS)
    assert credited_ueur(bench) == 0
    bench.wait(SECOND_MS)
    assert credited_ueur(bench) == 100 * E


@pytest.mark.parametrize("event", [TicksLost(), NewEpoch()])
def test_after_lost_ticks_an_issuer_may_spend_one_day(event: TicksLost | NewEpoch) -> None:
    bench = founded()
    bench.wait(30 * DAY_MS)
    bench.do(event)
    assert bench.state(DAY_UEUR + 1).reason == "over_limit"
    assert bench.state(DAY_UEUR).reason == "credited"
    assert bench.state(DAY_UEUR + 5 * E).reason == "over_limit"
    bench.do(event)
    bench.wait(SECOND_MS)
    assert credited_ueur(bench) == DAY_UEUR + 1, "the day covers what waited"


def test_an_image_of_before_is_read_and_takes_the_issuers_that_it_is_given() -> None:
    bench = Workbench(load_w=0)
    bench.pay(1, 30 * E)
    version, fields = msgspec.msgpack.decode(bench.meter.image())
    for name in ("issuers", "allowances", "waiting"):
        del fields[name]
    del fields["totals"]["closed_ueur"]
    for each in fields["totals"]["held"]:
        del each["epoch"]
    old = msgspec.msgpack.encode([version, fields])
    assert decode_image(old) == decode_image(bench.meter.image())

    power_cut(bench, issuers=ISSUERS)
    assert bench.state(20 * E).reason == "credited"
    assert bench.pay(2, 60 * E).reason == "stale_epoch"
    assert credited_ueur(bench) == 50 * E


def test_a_power_cut_at_any_byte_leaves_the_old_money_or_the_new() -> None:
    bench = founded()
    images = [bench.meter.image()]
    for deed in (
        lambda: bench.state(50 * E),
        lambda: bench.state(100 * E),
        lambda: bench.wait(4 * HOUR_MS),
        lambda: bench.name_issuers(NEXT_EPOCH),
    ):
        deed()
        images.append(bench.meter.image())
    memory = bytearray(slots.memory_bytes(max(map(len, images))))
    for at, piece in slots.write(memory, images[0]):
        memory[at : at + len(piece)] = piece
    for before, after in pairwise(images):
        for at, piece in slots.write(memory, after):
            for length in range(len(piece) + 1):
                torn = bytearray(memory)
                torn[at : at + length] = piece[:length]
                assert slots.read(torn) in (before, after)
            memory[at : at + len(piece)] = piece
        assert slots.read(memory) == after
        assert encode_image(decode_image(after)) == after


@settings(max_examples=60)
@given(
    deeds=st.lists(
        st.tuples(
            st.sampled_from([0, 1, 499, 1_000, 9_999, 10_001, 3_600_500]),
            st.sampled_from([0, 1, 999, 1_000, 10_001, DAY_UEUR - 1, DAY_UEUR + 1, DAY_UEUR + 12_345]),
            st.sampled_from([("service",), ("service",), ("service",), BOTH]),
        ),
        max_size=8,
    ),
    drift_ppm=st.sampled_from([0, -50, 37]),
)
def test_the_jump_equals_the_loop_for_what_waits(
    deeds: list[tuple[int, int, tuple[str, ...]]], drift_ppm: int
) -> None:
    jump, loop = (
        founded(balance_q=0, drift_ppm=drift_ppm, meter_class=kind) for kind in (GuardedMeter, EverySecond)
    )
    for bench in (jump, loop):
        for wait_ms, more_ueur, signers in deeds:
            bench.wait(wait_ms)
            bench.state(credited_ueur(bench) + more_ueur, *signers)
        bench.wait(HOUR_MS)
    assert trace(jump.effects) == trace(loop.effects)
    assert jump.meter.image() == loop.meter.image()
