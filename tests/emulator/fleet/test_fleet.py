"""A fleet from its seed: what each meter is, how links share them, and how it comes back from a power cut."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from emulator.cli.trust import read_secrets
from emulator.firmware.events import CardPass, Overcurrent
from emulator.fleet.building import FleetSecrets, build_links, build_unlinked
from emulator.fleet.files import LinkMemory
from emulator.links.link import Link
from emulator.links.reporting import Outgoing
from emulator.population.plan import FleetPlan, household_plan
from emulator.population.shipped import shipped_profiles
from protocols.documents.bodies import HoldBody, PaymentBody, ReleaseBody
from protocols.documents.envelope import document_digest, seal
from protocols.documents.issuers import ISSUERS_TYPE, write_issuers
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import ORDER_TYPE, Scope, write_document
from protocols.documents.roles import ROOT_TYPE, write_root
from protocols.documents.statements import Statement, Totals
from protocols.instants import DAY_MS, HOUR_MS, UtcMs
from protocols.link.keys import meter_key
from protocols.link.messages import (
    MeterEvent,
    Receipt,
    Reported,
    StatementHeld,
    Status,
    read_message,
    read_report,
)
from protocols.link.topics import Channel, Place
from protocols.reasons import ClockStatus, Energy, Supply, SupplyReason
from tests.emulator.firmware.guarded.workbench import (
    ISSUERS,
    MONDAY_MS,
    ROOT,
    SIGNERS,
    Workbench,
    machine,
    sign,
)

PROFILE = shipped_profiles()["wallonia-smart"]
SECRETS = FleetSecrets(ROOT, b"fleet".ljust(32, b"."))
FLEET_ORDER = Place(Channel.FLEET_ORDERS, order="o1")


def plan(meters: int = 6, links: int = 2, seed: int = 1) -> FleetPlan:
    return FleetPlan(meters, links, seed, PROFILE)


def test_meters_are_dealt_out_to_links_in_turn() -> None:
    assert plan(5, 2).links_of() == {
        "link-1": ["m00001", "m00003", "m00005"],
        "link-2": ["m00002", "m00004"],
    }


def test_a_household_follows_from_seed_and_name_alone() -> None:
    of_few = [household_plan(plan(3), name) for name in plan(3).ids()]
    of_many = [household_plan(plan(300), name) for name in plan(3).ids()]
    facts = [
        [(each.drift_ppm, each.balance_q, each.profile.energy) for each in made] for made in (of_few, of_many)
    ]
    assert facts[0] == facts[1]
    of_another = [household_plan(plan(3, seed=2), name) for name in plan(3).ids()]
    assert [each.balance_q for each in of_another] != [each.balance_q for each in of_few]


def test_about_one_meter_in_five_measures_gas_and_every_crystal_keeps_well_inside_its_bound() -> None:
    fleet = plan(2_000, 1)
    made = [household_plan(fleet, name) for name in fleet.ids()]
    energies = Counter(each.profile.energy for each in made)
    assert 340 < energies[Energy.GAS] < 460
    for each in made:
        assert abs(each.drift_ppm) * 100 <= each.profile.crystal_ppm * 80
        assert each.balance_q > 0
    assert len({each.drift_ppm for each in made}) > 50


def test_each_meter_speaks_with_its_own_key() -> None:
    (link,) = build_links(plan(2, 1), SECRETS, MONDAY_MS, None)
    keys = {name: each.household.meter.identity.key for name, each in link.meters.items()}
    assert keys == {name: meter_key(SECRETS.fleet_key, name) for name in plan(2, 1).ids()}


def last_number(link: Link, meter: str, now_ms: int) -> int:
    """The number of the report that a connect brings."""
    link.will()
    numbers = []
    for each in link.connected(UtcMs(now_ms)):
        if each.place.channel is Channel.REPORTED and each.place.meter == meter:
            report = read_report(each.payload)[0]
            assert isinstance(report, Reported)
            numbers.append(report.number)
    return numbers[-1]


def test_meters_that_come_back_have_kept_everything_but_the_time(tmp_path: Path) -> None:
    (link,) = build_links(plan(4, 1), SECRETS, MONDAY_MS, tmp_path)
    number = last_number(link, "m00001", MONDAY_MS)
    bench = Workbench()
    hold = bench.order(
        Kind.HOLD, "moratorium", HoldBody(MONDAY_MS, MONDAY_MS + DAY_MS), scope=Scope(fleet=True)
    )
    link.receive(FLEET_ORDER, sign(hold), UtcMs(MONDAY_MS + HOUR_MS))
    bench.now_ms = MONDAY_MS + HOUR_MS
    release = bench.order(Kind.RELEASE, "all", ReleaseBody(72), scope=Scope(fleet=True))
    link.receive(FLEET_ORDER, sign(release), UtcMs(MONDAY_MS + HOUR_MS))
    link.advance(UtcMs(MONDAY_MS + 2 * HOUR_MS))
    before = {name: each.household.meter for name, each in link.meters.items()}
    # Nothing is closed or saved: the process is simply gone.
    later_ms = MONDAY_MS + 30 * DAY_MS
    (again,) = build_links(plan(4, 1), SECRETS, UtcMs(later_ms), tmp_path)
    for name, each in again.meters.items():
        meter, was = each.household.meter, before[name]
        assert meter.memory.protections == was.memory.protections
        assert meter.point.credit.balance_q == was.point.credit.balance_q
        assert meter.point.supply is Supply.ON
        assert meter.memory.clock.status is ClockStatus.LOST
        # The hours of the release are not over: how long the meter was dark, nobody knows.
        assert meter.memory.release_date is not None
        assert meter.memory.tick == was.memory.tick == each.household.tick_at(UtcMs(later_ms))
        assert meter.journal.head.number == was.journal.head.number + 1
    assert last_number(again, "m00001", later_ms) > number
    assert again.births == link.births + 1


def test_a_report_after_a_restart_has_a_number_of_its_own(tmp_path: Path) -> None:
    (link,) = build_links(plan(1, 1), SECRETS, MONDAY_MS, tmp_path)
    link.will()
    link.connected(MONDAY_MS)
    order = Workbench().order(Kind.RELEASE, "m", ReleaseBody(72), scope=Scope(meters=("m00001",)))
    said = link.receive(Place(Channel.ORDERS, link="link-1", meter="m00001"), sign(order), MONDAY_MS)
    report = read_report(said[-1].payload)[0]
    assert isinstance(report, Reported)
    # Gone between this report and anything else that would be written down.
    (again,) = build_links(plan(1, 1), SECRETS, MONDAY_MS, tmp_path)
    assert last_number(again, "m00001", MONDAY_MS) > report.number


def test_what_the_head_end_never_heard_is_told_after_a_restart(tmp_path: Path) -> None:
    (link,) = build_links(plan(1, 1), SECRETS, MONDAY_MS, tmp_path)
    link.apply("m00001", Overcurrent(), UtcMs(MONDAY_MS + HOUR_MS))
    number = link.meters["m00001"].household.meter.journal.head.number
    (again,) = build_links(plan(1, 1), SECRETS, UtcMs(MONDAY_MS + DAY_MS), tmp_path)
    again.will()
    told = [
        each for each in again.connected(UtcMs(MONDAY_MS + DAY_MS)) if each.place.channel is Channel.EVENTS
    ]
    assert [each.number for each in told] == [1, number + 1]
    events = [read_report(each.payload)[0] for each in told]
    assert [b"supply" in bytes(each.record) for each in events if isinstance(each, MeterEvent)] == [
        True,
        False,
    ]


def test_a_meter_whose_both_slots_are_lost_keeps_the_supply_and_cuts_nobody(tmp_path: Path) -> None:
    (link,) = build_links(plan(2, 1), SECRETS, MONDAY_MS, tmp_path)
    last_number(link, "m00001", MONDAY_MS)
    file = tmp_path / "link-1.memory"
    area = file.stat().st_size // 3
    data = bytearray(file.read_bytes())
    data[area : 2 * area] = bytes(area)
    file.write_bytes(data)
    (again,) = build_links(plan(2, 1), SECRETS, UtcMs(MONDAY_MS + HOUR_MS), tmp_path)
    lost, kept = (again.meters[name].household.meter for name in ("m00001", "m00002"))
    assert (lost.point.supply, lost.memory.clock.status) == (Supply.ON, ClockStatus.LOST)
    assert kept.point.credit.balance_q > 0
    again.advance(UtcMs(MONDAY_MS + 40 * DAY_MS))
    assert lost.point.supply is Supply.ON


def test_a_fleet_made_anew_is_not_taken_for_the_old_one() -> None:
    (first,) = build_links(plan(1, 1), SECRETS, MONDAY_MS, None)
    (second,) = build_links(plan(1, 1), SECRETS, UtcMs(MONDAY_MS + HOUR_MS), None)
    assert (
        read_message(first.will().payload, Status).sequence
        < read_message(second.will().payload, Status).sequence
    )
    assert last_number(first, "m00001", MONDAY_MS) < last_number(second, "m00001", MONDAY_MS + HOUR_MS)


def test_a_memory_file_is_made_whole_before_a_meter_says_anything(tmp_path: Path) -> None:
    build_links(plan(3, 1), SECRETS, MONDAY_MS, tmp_path)
    memory = LinkMemory(tmp_path, "link-1", plan(3, 1).ids())
    memory.open()
    assert all(memory.read(name)[0] is not None for name in plan(3, 1).ids())


def test_an_observer_sees_things_in_the_order_in_which_they_happen() -> None:
    seen_ms: list[int] = []
    fleet = build_unlinked(
        plan(30, 1),
        MONDAY_MS,
        lambda household, effects: seen_ms.extend(household.true_at(effect.at_tick) for effect in effects),
    )
    for hour in range(1, 400, 15):
        fleet.apply("m00001", CardPass(hour, cancel_cut="c1"), UtcMs(MONDAY_MS + hour * HOUR_MS))
    assert len(seen_ms) > 50
    assert seen_ms == sorted(seen_ms)


def test_card_meters_run_without_a_link_and_are_seen_by_who_looks() -> None:
    seen: list[tuple[str, int]] = []
    fleet = build_unlinked(
        plan(20, 1),
        MONDAY_MS,
        lambda household, effects: seen.extend(
            (household.id, household.true_at(effect.at_tick)) for effect in effects
        ),
    )
    cut = CardPass(1, programmed_cut="c1", programmed_cut_ms=UtcMs(MONDAY_MS + 2 * HOUR_MS))
    fleet.apply("m00001", cut, UtcMs(MONDAY_MS + HOUR_MS))
    fleet.advance(UtcMs(MONDAY_MS + 3 * HOUR_MS))
    glance = fleet.households["m00001"].meter.glance
    assert (glance.supply, glance.reason) == (Supply.OFF, SupplyReason.PROGRAMMED_CUT)
    opened_ms = [at_ms for name, at_ms in seen if name == "m00001"][-1]
    assert abs(opened_ms - MONDAY_MS - 2 * HOUR_MS) <= 2_000
    assert (fleet.next_due_ms() or 0) > MONDAY_MS + 3 * HOUR_MS


def lives(link: Link) -> set[int]:
    return {each.household.meter.memory.epoch for each in link.meters.values()}


def life_of_birth(link: Link) -> int:
    return read_message(link.birth().payload, Status).epoch


def test_a_fleet_lives_on_from_its_state_and_begins_a_life_without(tmp_path: Path) -> None:
    (link,) = build_links(plan(2, 1), SECRETS, MONDAY_MS, tmp_path, epoch=7)
    link.will()
    assert (lives(link), life_of_birth(link)) == ({7}, 7)
    (again,) = build_links(plan(2, 1), SECRETS, UtcMs(MONDAY_MS + HOUR_MS), tmp_path, epoch=8)
    again.will()
    assert (lives(again), life_of_birth(again)) == ({7}, 7)
    (anew,) = build_links(plan(2, 1), SECRETS, UtcMs(MONDAY_MS - DAY_MS), None, epoch=9)
    assert (lives(anew), life_of_birth(anew)) == ({9}, 9)


def test_a_meter_that_has_lost_its_memory_begins_a_life(tmp_path: Path) -> None:
    (link,) = build_links(plan(2, 1), SECRETS, MONDAY_MS, tmp_path, epoch=7)
    link.will()
    size = (tmp_path / "link-1.memory").stat().st_size // 3
    data = bytearray((tmp_path / "link-1.memory").read_bytes())
    data[size : 2 * size] = bytes(size)
    (tmp_path / "link-1.memory").write_bytes(bytes(data))
    (again,) = build_links(plan(2, 1), SECRETS, UtcMs(MONDAY_MS + HOUR_MS), tmp_path, epoch=8)
    found = {name: each.household.meter.memory.epoch for name, each in again.meters.items()}
    assert found == {"m00001": 8, "m00002": 7}


def statement(bench: Workbench, total_ueur: int) -> bytes:
    body = PaymentBody("controller", 1, total_ueur, 1)
    order = bench.order(Kind.PAYMENT, "controller", body, scope=Scope(meters=("m00001",)))
    return seal(write_document(order), ORDER_TYPE, [machine("service")])


def test_a_payment_over_the_limit_comes_by_itself_and_the_report_says_it(tmp_path: Path) -> None:
    secrets = replace(SECRETS, issuers=ISSUERS)
    (link,) = build_links(plan(1, 1), secrets, MONDAY_MS, tmp_path)
    place = Place(Channel.ORDERS, link="link-1", meter="m00001")
    link.will()
    link.connected(MONDAY_MS)
    envelope = statement(Workbench(), 100_000_000)
    told = [read_report(each.payload)[0] for each in link.receive(place, envelope, MONDAY_MS)]
    receipt = next(each for each in told if isinstance(each, Receipt))
    assert (receipt.verdict, receipt.reason) == ("accepted", "over_limit")
    assert receipt.document == document_digest(envelope)

    # An hour of the crystal, then a restart that keeps it and takes the ticks: a day is not enough either.
    link.advance(UtcMs(MONDAY_MS + HOUR_MS))
    later_ms = MONDAY_MS + 2 * HOUR_MS
    (again,) = build_links(plan(1, 1), secrets, UtcMs(later_ms), tmp_path)
    again.will()
    again.connected(UtcMs(later_ms))
    meter = again.meters["m00001"].household.meter
    assert meter.totals == Totals((Statement("controller", 0, 0, 1),))
    said = again.advance(UtcMs(later_ms + 4 * HOUR_MS))
    report = next(each for each in (read_report(out.payload)[0] for out in said if _is_report(out)))
    assert isinstance(report, Reported)
    assert report.totals == (StatementHeld("controller", 1, 100_000_000, 1),)


def _is_report(out: Outgoing) -> bool:
    return out.place.channel is Channel.REPORTED


def test_an_issuers_document_is_answered_with_a_receipt() -> None:
    (link,) = build_links(plan(1, 1), SECRETS, MONDAY_MS, None)
    link.will()
    link.connected(MONDAY_MS)
    envelope = seal(write_issuers(ISSUERS), ISSUERS_TYPE, [SIGNERS["dora"], SIGNERS["eric"]])
    said = link.receive(Place(Channel.ORDERS, link="link-1", meter="m00001"), envelope, MONDAY_MS)
    receipt = read_report(said[0].payload)[0]
    assert isinstance(receipt, Receipt)
    assert (receipt.order, receipt.kind, receipt.rev) == ("issuers", "issuers", 1)
    assert (receipt.verdict, receipt.document) == ("accepted", document_digest(envelope))


def test_a_fleet_takes_the_issuers_beside_its_root(tmp_path: Path) -> None:
    root = tmp_path / "root.json"
    root.write_bytes(seal(write_root(ROOT), ROOT_TYPE, [SIGNERS["gina"], SIGNERS["hugo"]]))
    (tmp_path / "fleet.key").write_text("ab" * 32)
    assert read_secrets(root, None).issuers is None
    signed = seal(write_issuers(ISSUERS), ISSUERS_TYPE, [SIGNERS["dora"], SIGNERS["eric"]])
    (tmp_path / "other.json").write_bytes(signed)
    assert read_secrets(root, None, tmp_path / "other.json").issuers == ISSUERS
    (tmp_path / "issuers.json").write_bytes(signed)
    assert read_secrets(root, None).issuers == ISSUERS


def test_links_take_the_last_generation_of_the_fleets_key_and_meters_the_first(tmp_path: Path) -> None:
    root = tmp_path / "root.json"
    root.write_bytes(seal(write_root(ROOT), ROOT_TYPE, [SIGNERS["gina"], SIGNERS["hugo"]]))
    (tmp_path / "fleet.key").write_text("ab" * 32)
    assert read_secrets(root, None).of_links == bytes.fromhex("ab" * 32)
    for number, digits in ((2, "cd"), (3, "ef"), (5, "00")):
        (tmp_path / f"fleet.{number}.key").write_text(digits * 32)
    found = read_secrets(root, None)
    assert (found.fleet_key, found.of_links) == (bytes.fromhex("ab" * 32), bytes.fromhex("ef" * 32))
