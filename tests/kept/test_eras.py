"""Old and new: what earlier versions stored is read and lifted, and each end understands the other."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from sqlalchemy import Engine
from sqlmodel import col, select

from controller.database.engine import SCHEMA_VERSION, open_store, reading, writing
from controller.database.tables import DeliveryRow, OrderRow
from controller.exchange.intake import take_in
from controller.exchange.key_book import KeyBook
from controller.exchange.words import IntakeRefusal
from controller.meters.views import list_meters
from controller.orders import store as orders
from emulator.firmware.guarded.memory import Memory
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.fleet.building import FleetSecrets, build_links
from emulator.links.link import Link
from emulator.links.reporting import Outgoing
from protocols.documents.envelope import read_envelope
from protocols.documents.orders import Order, read_order
from protocols.instants import MINUTE_MS, UtcMs
from protocols.link.carriage import Arrival
from protocols.link.messages import Receipt, read_report
from protocols.link.topics import CARRIAGE, Channel, topic_of
from protocols.reasons import ClockStatus, Supply
from tests.controller.faces.cli.fleet import seed_service
from tests.controller.faces.cli.invocation import call
from tests.kept.eras import ERAS_FILE, MIXED, PASSPHRASE, PROVING, SCHEMAS, Era
from tests.kept.record import unpack

ERAS = pytest.mark.parametrize("era", list(SCHEMAS))
CONVERSATIONS = pytest.mark.parametrize("era", [*SCHEMAS, MIXED])
# Since this schema a store knows whether a service serves.
KNOWS_ITS_SERVICE = "0005"
# What depends on the instant at which one asks.
AGEING = {"in_force", "outlook", "reads"}
OPENS = {"RELANCE_PASSPHRASE": PASSPHRASE}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(ERAS_FILE, tmp_path_factory.mktemp("eras"))


@pytest.fixture
def found(kept: Path, era: str, tmp_path: Path) -> Era:
    """A copy of its own, since whoever opens a store or a memory changes it."""
    shutil.copytree(kept / era, tmp_path / era)
    return Era(tmp_path / era)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_store(f"sqlite:///{tmp_path}/new.db", create=True)
    yield opened
    opened.dispose()


def schema_of(home: Path) -> str:
    with sqlite3.connect(home / "relance.db") as connection:
        (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(version)


def lacking(then: object, now: object, where: str = "") -> list[str]:
    """Where `now` has not what was said then. It may have more keys."""
    if isinstance(then, dict) and isinstance(now, dict):
        found: list[str] = []
        for key in then.keys() - AGEING:
            found += lacking(then[key], now.get(key, "no such key"), f"{where}.{key}")
        return found
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        both_lists = enumerate(zip(then, now, strict=True))
        return [at for place, both in both_lists for at in lacking(*both, f"{where}[{place}]")]
    return [] if then == now else [f"{where}: {then!r} was said, now {now!r}"]


@ERAS
def test_a_store_of_before_is_lifted_and_answers_as_it_did(era: str, found: Era) -> None:
    home = found.folder / "home"
    assert schema_of(home) == SCHEMAS[era]
    assert call(home, "meters", "list", settings=OPENS).status == 0
    assert schema_of(home) == SCHEMA_VERSION
    assert len(found.answers) > 5
    if SCHEMAS[era] < KNOWS_ITS_SERVICE:
        # It listed a link as online though nobody served.
        seed_service(home)
    for command, answer in found.answers.items():
        ended = call(home, *command.split(), "--json", settings=OPENS)
        assert ended.status == 0, (command, ended.err)
        assert lacking(answer, ended.found) == [], command


@ERAS
def test_keys_and_root_of_before_open_and_sign(era: str, found: Era) -> None:
    del era
    home = found.folder / "home"
    released = call(home, "release", "m00004", "--json", settings=OPENS)
    assert released.status == 0, released.err
    extended = call(home, "flag", "set", "m00001", "medical", "--as", "bert", "--json", settings=OPENS)
    assert extended.status == 0, extended.err
    assert call(home, "audit", "verify", settings=OPENS).status == 0


def links_of(era: Era, now_ms: UtcMs, folder: Path | None) -> list[Link]:
    return build_links(era.plan(), FleetSecrets(era.root, era.fleet_key), now_ms, folder)


def meters_of(links: list[Link]) -> dict[str, GuardedMeter]:
    return {name: each.household.meter for link in links for name, each in link.meters.items()}


def ended_ms(era: Era) -> UtcMs:
    return max(at_ms for at_ms, _, _ in era.words())


def held(memory: Memory) -> dict[str, Any]:
    """What a meter holds of orders and money, whatever the form in which it stores it."""
    return {
        "protections": {
            name: (each.floor and each.floor.rev, [above.rev for above in each.above])
            for name, each in memory.protections.items()
        },
        "calendars": {name: each.rev for name, each in memory.calendars.items()},
        "lease": memory.lease and (memory.lease.rev, memory.lease.ends_ms, memory.lease.names),
        "cuts": {name: (each.rev, each.from_ms, each.until_ms) for name, each in memory.cut_orders.items()},
        "tombstones": dict(memory.tombstones),
        "money": memory.totals.credited_ueur,
    }


@CONVERSATIONS
def test_a_fleet_wakes_with_the_memory_that_an_older_firmware_wrote(era: str, found: Era) -> None:
    del era
    now_ms = UtcMs(ended_ms(found) + MINUTE_MS)
    links = links_of(found, now_ms, found.folder / "fleet")
    meters = meters_of(links)
    assert len(meters) == 6
    for name, meter in meters.items():
        memory = meter.memory
        assert (memory.supply, memory.clock.status) == (Supply.ON, ClockStatus.LOST), name
        assert set(memory.calendars) == {"calendar/fleet"}
        assert memory.lease is not None
        assert memory.protections["hold/frost"].floor is not None
    assert "flag/medical" in meters["m00003"].memory.protections
    assert set(meters["m00004"].memory.cut_orders) == {"cut/d1"}
    assert set(meters["m00005"].memory.tombstones) == {"cut/d2"}
    assert meters["m00002"].memory.totals.credited_ueur == 20_000_000
    said = [each for link in links for each in link.connected(now_ms)]
    assert {each.place.channel for each in said} >= {Channel.STATUS, Channel.SYNC, Channel.REPORTED}


def heard_from(era: Era, links: list[Link]) -> list[Outgoing]:
    """What the firmware of today says to all that the controller of that era said, each word at its time."""
    by_name = {link.name: link for link in links}
    begin_ms = min(at_ms for at_ms, _, _ in era.words())
    said = [each for link in links for each in link.connected(begin_ms)]
    for at_ms, place, payload in era.words():
        if CARRIAGE[place.channel].upward:
            continue
        for link in [by_name[place.link]] if place.link else links:
            said += link.advance(at_ms)
            said += link.receive(place, payload, at_ms)
    for each in said:
        by_name[each.place.link].confirm(each)
    return said


@CONVERSATIONS
def test_firmware_of_today_obeys_a_controller_of_before(era: str, found: Era) -> None:
    """Whoever said it, the same orders leave the same in a meter."""
    del era
    begin_ms = min(at_ms for at_ms, _, _ in found.words())
    links = links_of(found, begin_ms, None)
    said = heard_from(found, links)
    receipts = [read_report(each.payload)[0] for each in said if each.place.channel is Channel.RECEIPTS]
    assert {each.verdict for each in receipts if isinstance(each, Receipt)} == {"accepted"}
    then = meters_of(links_of(found, UtcMs(ended_ms(found) + MINUTE_MS), found.folder / "fleet"))
    for name, meter in meters_of(links).items():
        assert held(meter.memory) == held(then[name].memory), name


@ERAS
def test_a_controller_of_before_can_read_what_firmware_of_today_says(era: str, found: Era) -> None:
    """By the description that it gave of its messages. What it does not know it ignores."""
    del era
    described = yaml.safe_load((found.folder / "asyncapi.yaml").read_text())
    schemas = {
        channel["address"]: [message["payload"] for message in _messages(described, channel)]
        for channel in described["channels"].values()
    }
    begin_ms = min(at_ms for at_ms, _, _ in found.words())
    said = heard_from(found, links_of(found, begin_ms, None))
    checked = set()
    for each in said:
        address = topic_of(each.place).replace(each.place.link, "{link}")
        address = address.replace(each.place.meter, "{meter}") if each.place.meter else address
        (payload,) = schemas[address]
        jsonschema.validate(json.loads(each.payload), {**payload, "components": described["components"]})
        checked.add(each.place.channel)
    assert checked >= {Channel.STATUS, Channel.SYNC, Channel.RECEIPTS, Channel.REPORTED, Channel.TIME_ASK}


def _messages(described: dict[str, Any], channel: dict[str, Any]) -> list[dict[str, Any]]:
    return [described["components"]["messages"][name] for name in channel["messages"]]


def order_in(payload: bytes) -> Order | None:
    envelope = read_envelope(payload)
    return read_order(envelope.payload) if envelope.payload_type.endswith("order+json") else None


@CONVERSATIONS
def test_a_controller_of_today_understands_firmware_of_before(era: str, found: Era, engine: Engine) -> None:
    """It knows each meter by its own word, and takes an order as effective only where receipts prove it."""
    refused = _replay(found, engine)
    with reading(engine) as session:
        meters = list_meters(session, now_ms=0)
        states = {
            (row.kind, delivery.state)
            for row, delivery in session.exec(
                select(OrderRow, DeliveryRow).join(DeliveryRow, col(DeliveryRow.order_id) == col(OrderRow.id))
            )
            if row.state == "active"
        }
    assert [meter.id for meter in meters] == [f"m0000{number}" for number in range(1, 7)]
    assert {(meter.supply, meter.clock) for meter in meters} == {("on", "trusted")}
    assert meters[1].balance_ueur is not None
    effective = {kind for kind, state in states if state == "effective"}
    assert not {kind for kind, state in states if state not in {"stored", "effective"}}
    if era in PROVING:
        assert {"release", "set_flag", "cut_calendar", "lift_hold", "cancel_cut"} <= effective
    else:
        assert effective == set()
    assert set(refused) <= {IntakeRefusal.UNVERIFIED}, refused
    # Links of the oldest did not sign their births.
    assert (refused == {}) is (era not in {"50b6e47", MIXED}), refused


def _replay(era: Era, engine: Engine) -> dict[IntakeRefusal, int]:
    """The words of an era's links into a store of today, in which its people have signed the same orders."""
    refused: dict[IntakeRefusal, int] = {}
    known: set[str] = set()
    nonce = era.nonce()
    for at_ms, place, payload in era.words():
        with writing(engine) as session:
            if CARRIAGE[place.channel].upward and place.channel is not Channel.TIME_ASK:
                counts = take_in(
                    session,
                    [Arrival(place, payload)],
                    KeyBook.of(era.fleet_key),
                    era.root_sent,
                    at_ms,
                    nonce=nonce,
                )
                for why, count in counts.items():
                    refused[why] = refused.get(why, 0) + count
            elif place.channel in (Channel.ORDERS, Channel.FLEET_ORDERS) and payload:
                order = order_in(payload)
                if order is not None and order.id not in known:
                    known.add(order.id)
                    orders.submit(session, payload, era.root, "anna", at_ms)
    assert len(known) > 8
    return refused
