"""A new root while everything runs: service and meters take it, and what a dropped key signed stays."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine
from sqlmodel import select

from controller.database.engine import reading, writing
from controller.database.tables import OrderRow
from controller.office.issuers_store import keep_issuers_signed
from controller.office.people import Actor
from controller.office.root_store import newer_root
from controller.orders.acting import acting
from controller.roots import acts as roots
from controller.roots.rules import Newcomer, RootChange
from protocols.documents import drafting
from protocols.documents.envelope import Signer, seal
from protocols.documents.issuers import ISSUERS_TYPE, Issuers, write_issuers
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.documents.roles import Root, meets, open_signed
from protocols.instants import DAY_MS, HOUR_MS
from protocols.link.topics import Channel, Place
from tests.controller.service_bench import SERVICE_KEYS, World, controller_with, make_link
from tests.emulator.firmware.guarded.workbench import ROOT, SIGNERS

Story = Callable[[World], Awaitable[None]]


def run_story(engine: Engine, story: Story) -> None:
    async def run() -> None:
        links = make_link("link-1", ("m1", "m2"), balance_q=0), make_link("link-9", ("m9",), balance_q=0)
        async with controller_with(engine, *links) as world:
            await story(world)

    asyncio.run(run())


def propose(world: World, *dropped: str, countersign: bool = False) -> roots.RootProposal:
    with acting(world.engine, ROOT, Actor("gina", SIGNERS["gina"]), world.now_ms) as act:
        return roots.propose(act, RootChange(dropped=frozenset(dropped)), countersign=countersign)


def sign(world: World, *, countersign: bool = False) -> roots.RootProposal:
    with acting(world.engine, ROOT, Actor("hugo", SIGNERS["hugo"]), world.now_ms) as act:
        return roots.sign(act, countersign=countersign)


def test_a_renewed_root_reaches_service_and_meters_while_they_run_and_leases_demand_it(
    engine: Engine,
) -> None:
    async def story(world: World) -> None:
        world.permit()
        await world.settle()
        await world.wait(HOUR_MS)
        before = world.meter("m1").memory.lease
        assert not propose(world).in_force
        assert sign(world).in_force
        await world.tick()
        await world.wait(HOUR_MS)
        assert world.service.root.version == 2
        for name in ("m1", "m2"):
            meter = world.meter(name)
            assert meter.root.version == 2
            assert meter.memory.lease is not None
            assert [(each.object, each.floor) for each in meter.memory.lease.names] == [("root/version", 2)]
            assert meter.known.permission.complete
        assert before is not None
        assert before.names == ()

    run_story(engine, story)


def test_a_meter_with_an_older_root_opens_nothing(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.permit()
        await world.settle()
        propose(world)
        sign(world)
        await world.tick()
        await world.wait(HOUR_MS)
        meter = world.meter("m1")
        assert meter.known.permission.complete
        meter.memory.root = ROOT
        meter._known = None
        assert not meter.known.permission.complete

    run_story(engine, story)


def test_a_root_that_drops_a_key_stops_its_new_documents_and_takes_nothing_away(engine: Engine) -> None:
    async def story(world: World) -> None:
        hold = world.declare("mora", world.now_ms, world.now_ms + 30 * DAY_MS)
        await world.settle()
        waiting = propose(world, "anna")
        assert waiting.stranded == (f"{hold.id} hold/mora",)
        assert not sign(world).in_force, "an order in force stands on her key alone"
        with acting(world.engine, ROOT, Actor("bert", SIGNERS["bert"]), world.now_ms) as act:
            again = drafting.declare_moratorium(
                act.sheet(Kind.HOLD, "mora"), "mora", world.now_ms, world.now_ms + 30 * DAY_MS
            )
            act.submit(again)
        await world.settle()
        propose(world, "anna")
        done = sign(world)
        assert (done.stranded, done.in_force) == ((), True)
        await world.tick()
        await world.wait(HOUR_MS)
        meter = world.meter("m1")
        assert SIGNERS["anna"].keyid not in meter.root.keys
        assert {span.name for span in meter.known.holds} == {"hold/mora"}
        sheet = drafting.Sheet(id="late", rev=1, now_ms=world.now_ms, basis="")
        late = drafting.declare_moratorium(sheet, "late", world.now_ms, world.now_ms + DAY_MS)
        sealed = seal(write_document(late), ORDER_TYPE, [SIGNERS["anna"]])
        await world.publish(Place(Channel.ORDERS, link="link-1", meter="m1"), sealed)
        assert {span.name for span in meter.known.holds} == {"hold/mora"}

    run_story(engine, story)


def test_a_root_that_takes_a_role_away_strands_no_order_and_no_list_of_issuers(engine: Engine) -> None:
    """Anna keeps her key and protects no more: a meter that comes later would refuse what she signed."""

    async def story(world: World) -> None:
        hold = world.declare("mora", world.now_ms, world.now_ms + 30 * DAY_MS)
        issuers = seal(write_issuers(Issuers(version=1, issuers=())), ISSUERS_TYPE, harm_signers())
        with writing(world.engine) as session:
            keep_issuers_signed(session, issuers)
        await world.settle()
        change = RootChange(roles={"anna": frozenset({Role.HARM}), "dora": frozenset({Role.PROTECT})})
        stranded = (f"{hold.id} hold/mora", "issuers/1")
        with acting(world.engine, ROOT, Actor("gina", SIGNERS["gina"]), world.now_ms) as act:
            assert roots.propose(act, change).stranded == stranded
        waiting = sign(world)
        assert (waiting.in_force, waiting.stranded) == (False, stranded)
        envelope = active_envelope(world, hold.id)
        assert not meets(open_signed(envelope, waiting.root, ORDER_TYPE), waiting.root, Role.PROTECT)

    run_story(engine, story)


def test_a_root_that_gives_a_role_and_takes_none_goes_out(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.declare("mora", world.now_ms, world.now_ms + 30 * DAY_MS)
        await world.settle()
        put_in_force(world, RootChange(roles={"anna": frozenset({Role.PROTECT, Role.HARM})}), "gina", "hugo")

    run_story(engine, story)


def active_envelope(world: World, order_id: str) -> bytes:
    with reading(world.engine) as session:
        row = session.get(OrderRow, order_id)
        assert row is not None
        return row.envelope


def harm_signers() -> list[Signer]:
    return [SIGNERS["dora"], SIGNERS["eric"]]


def signer_of(name: str) -> Signer:
    return SIGNERS.get(name) or Signer.from_seed(name.encode().ljust(32, b"."))


def put_in_force(world: World, change: RootChange, first: str, second: str) -> Root:
    """A root of these two people, each at a machine whose file is still that of the founding."""
    with acting(world.engine, root_at(world), Actor(first, signer_of(first)), world.now_ms) as act:
        roots.propose(act, change)
    with acting(world.engine, root_at(world), Actor(second, signer_of(second)), world.now_ms) as act:
        done = roots.sign(act)
    assert done.in_force
    return done.root


def root_at(world: World) -> Root:
    with reading(world.engine) as session:
        newer = newer_root(session, ROOT)
    return ROOT if newer is None else newer[0]


def leases_in(world: World) -> int:
    with reading(world.engine) as session:
        return len(session.exec(select(OrderRow.id).where(OrderRow.kind == Kind.LEASE)).all())


def newcomer(name: str, *roles: Role) -> RootChange:
    return RootChange(added=(Newcomer(name, signer_of(name).public.hex(), frozenset(roles)),))


def test_meters_that_slept_while_all_signers_changed_come_to_the_root_in_force(any_store: Engine) -> None:
    """One link is away for months. Who signs the last root, its meters have never heard of."""

    async def story(world: World) -> None:
        world.permit()
        await world.settle()
        world.disconnect("link-1")
        put_in_force(world, newcomer("ivan", Role.ROOT, Role.PROTECT), "gina", "hugo")
        put_in_force(world, RootChange(dropped=frozenset({"gina"})), "hugo", "ivan")
        await world.tick()
        put_in_force(world, newcomer("joan", Role.ROOT), "hugo", "ivan")
        last = put_in_force(world, RootChange(dropped=frozenset({"hugo"})), "ivan", "joan")
        await world.tick()
        with acting(world.engine, last, Actor("ivan", signer_of("ivan")), world.now_ms) as act:
            until_ms = world.now_ms + 30 * DAY_MS
            act.submit(
                drafting.declare_moratorium(act.sheet(Kind.HOLD, "mora"), "mora", world.now_ms, until_ms)
            )
        await world.wait(HOUR_MS)
        assert world.meter("m1").root == ROOT
        world.connect("link-1")
        await world.wait(HOUR_MS)
        for name in ("m1", "m2"):
            meter = world.meter(name)
            assert meter.root == last
            assert {span.name for span in meter.known.holds} == {"hold/mora"}, "signed by somebody new"
            assert meter.known.permission.complete

    run_story(any_store, story)


def test_a_service_whose_key_is_replaced_issues_no_lease_until_it_starts_with_the_new_one(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(world: World) -> None:
        world.permit()
        await world.settle()
        await world.wait(HOUR_MS)
        before = world.meter("m1").memory.lease
        world.disconnect("link-9")
        new = signer_of("the next service")
        put_in_force(world, RootChange(rotated={"service": new.public.hex()}), "gina", "hugo")
        await world.tick()
        issued = leases_in(world)
        await world.wait(2 * DAY_MS)
        assert world.service.root.version == 2
        assert leases_in(world) == issued
        assert "root 2 lists another key of service; start `relance serve` again" in caplog.text
        assert world.meter("m1").memory.lease == before
        with reading(world.engine) as session:
            newer = newer_root(session, ROOT)
        assert newer is not None
        world.restart(replace(SERVICE_KEYS, service=new, root_envelope=newer[1]))
        await world.wait(2 * DAY_MS)
        # Its meters do not know the new key of the service, by which that would say that it is there.
        assert world.meter("m9").root == ROOT
        world.connect("link-9")
        await world.wait(2 * DAY_MS)
        assert world.meter("m9").root == newer[0]
        assert world.meter("m9").known.permission.complete
        lease = world.meter("m1").memory.lease
        assert lease is not None
        assert lease != before
        assert world.meter("m1").known.permission.complete

    run_story(engine, story)
