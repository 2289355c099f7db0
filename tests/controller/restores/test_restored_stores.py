"""A store that is restored from a backup while its meters and its broker go on (design §6).

The restored store numbers its first orders above what it gave before, without waiting to hear a meter.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine
from sqlmodel import select

from controller.database.engine import open_store, reading, writing
from controller.database.tables import CounterRow, DeliveryRow, OrderRow
from controller.office.audit import recent, verify_audit
from controller.office.losses import FoundLoss, found_losses
from controller.orders.numbering import BELIEVED_MAX, draw_rev, note_held
from controller.restores.acts import account_for, mark_of
from controller.restores.mark_file import read_mark
from controller.service.serve import ServiceKeys
from protocols.documents.orders import Scope
from protocols.instants import DAY_MS, MINUTE_MS
from protocols.link.carriage import Arrival
from protocols.link.marks import EntryNamed, StoreMark, open_mark, seal_mark
from protocols.link.topics import Channel, Place
from tests.controller.service_bench import SERVICE_KEYS, World, controller_with, make_link
from tests.emulator.firmware.guarded.workbench import ROOT, SIGNERS

M1 = Scope(meters=("m1",))
SERVICE = {SIGNERS["service"].keyid: SIGNERS["service"].public}


def run_story(engine: Engine, story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        async with controller_with(engine, make_link("link-1", ("m1", "m2"))) as world:
            await story(world)

    asyncio.run(run())


def back_up(engine: Engine, path: Path) -> Engine:
    """A store as this one is now; open it later, and it is a restored one."""
    with closing(sqlite3.connect(str(engine.url.database))) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
    return open_store(f"sqlite:///{path}")


async def restored(world: World, backup: Engine, keys: ServiceKeys = SERVICE_KEYS) -> None:
    """The service starts again on the backup, and hears what the broker has retained."""
    world.engine = backup
    world.restart(keys)
    await world.hear_mark()
    await world.settle()


def counted(engine: Engine, name: str) -> int:
    with reading(engine) as session:
        row = session.get(CounterRow, name)
        return 0 if row is None else row.value


def outcomes(engine: Engine, row: OrderRow) -> set[tuple[str, str]]:
    with reading(engine) as session:
        found = session.exec(select(DeliveryRow).where(DeliveryRow.order_id == row.id)).all()
        return {(each.state, each.reason) for each in found}


def test_the_first_orders_after_a_restore_are_carried_out(engine: Engine, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.permit()
        world.release(M1)
        await world.settle()
        backup = back_up(engine, tmp_path / "backup.db")
        for name in ("winter", "winter", "summer"):
            world.declare(name, world.now_ms, world.now_ms + DAY_MS)
        lost = [world.release(M1) for _ in range(3)]
        await world.settle()

        await restored(world, backup)
        again = world.release(M1)
        declared = world.declare("winter", world.now_ms, world.now_ms + 2 * DAY_MS)
        first = world.declare("summer", world.now_ms, world.now_ms + 2 * DAY_MS)
        assert again.rev > lost[-1].rev
        assert again.id not in {each.id for each in lost}
        await world.settle()
        await world.wait(2 * MINUTE_MS, MINUTE_MS)
        for row in (again, declared, first):
            assert {state for state, _ in outcomes(backup, row)} <= {"stored", "effective"}

    run_story(engine, story)


def test_a_mark_is_left_before_anything_is_sent(engine: Engine) -> None:
    async def story(world: World) -> None:
        rows = []
        for _ in range(5):
            rows.append(world.release(M1))
            await world.settle()
        for row in rows:
            with reading(engine) as session:
                (proposed,) = (
                    each.number for each in recent(session, subject=row.id) if each.act.act == "propose"
                )
            sent = next(index for index, (_, payload) in enumerate(world.messages) if payload == row.envelope)
            before = [payload for place, payload in world.messages[:sent] if place.channel is Channel.MARK]
            mark = open_mark(before[-1], SERVICE)
            assert mark is not None
            assert mark.last.number >= proposed

    run_story(engine, story)


def test_a_store_that_was_not_restored_loses_nothing(engine: Engine) -> None:
    async def story(world: World) -> None:
        first = world.release(M1)
        await world.settle()
        world.restart()
        await world.hear_mark()
        await world.settle()
        assert world.release(M1).rev == first.rev + 1
        with reading(engine) as session:
            assert found_losses(session) == []

    run_story(engine, story)


def test_no_payment_is_booked_before_the_mark_of_the_broker_was_compared(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The meters may be heard first, of whose credit the store has lost its memory."""

    async def story(world: World) -> None:
        backup = back_up(engine, tmp_path / "backup.db")
        world.release(M1)
        await world.settle()
        world.engine = backup
        world.restart()
        known: list[int] = []

        async def book_due() -> None:
            with reading(backup) as session:
                known.append(len(found_losses(session)))

        monkeypatch.setattr(world.service.booking, "book_due", book_due)
        assert world.service.outbox is not None
        await world.service.connected()
        await world.service.outbox.drain()
        assert known == []
        await world.hear_mark()
        await world.service.outbox.drain()
        assert set(known) == {1}

    run_story(engine, story)


def test_where_no_mark_was_retained_payments_are_booked_a_second_after_the_connect(engine: Engine) -> None:
    async def story(world: World) -> None:
        world.restart()

        def is_listening() -> bool:
            return world.service.marking.is_listening

        await world.service.connected()
        assert is_listening()
        async with asyncio.timeout(30):
            while is_listening():  # noqa: ASYNC110 # it has no event
                await asyncio.sleep(0.01)
        await world.service.connected()
        assert not is_listening(), "what this run has heard it keeps"

    run_story(engine, story)


def test_a_loss_is_counted_once_however_often_it_is_heard(engine: Engine, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.release(M1)
        await world.settle()
        backup = back_up(engine, tmp_path / "backup.db")
        for _ in range(4):
            world.release(M1)
        await world.settle()
        lost = world.mark
        await restored(world, backup)
        with reading(backup) as session:
            losses = found_losses(session)
        assert len(losses) == 1
        before = counted(backup, f"rev/release/{SIGNERS['anna'].keyid}")
        for _ in range(3):
            world.mark = lost
            await restored(world, backup)
        with reading(backup) as session:
            assert found_losses(session) == losses
            assert verify_audit(session) is None
            assert found_losses(session, losses[0].found_at) == []
        assert counted(backup, f"rev/release/{SIGNERS['anna'].keyid}") == before

    run_story(engine, story)


def test_a_backup_that_is_restored_twice_numbers_above_both_lives(engine: Engine, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.release(M1)
        await world.settle()
        backups = [back_up(engine, tmp_path / f"{name}.db") for name in ("first", "second")]
        for _ in range(20):
            world.release(M1)
        await world.settle()
        await restored(world, backups[0])
        # So few that what the first life lost is far more.
        last = world.release(M1)
        await world.settle()

        await restored(world, backups[1])
        again = world.release(M1)
        assert again.rev > last.rev
        await world.settle()
        await world.wait(2 * MINUTE_MS, MINUTE_MS)
        assert {state for state, _ in outcomes(backups[1], again)} == {"effective"}
        lost = world.mark
        with reading(backups[1]) as session:
            losses = found_losses(session)
        for _ in range(3):
            world.mark = lost
            await restored(world, backups[1])
        with reading(backups[1]) as session:
            assert found_losses(session) == losses

    run_story(engine, story)


@pytest.mark.parametrize("signer", ["anna", "headend"])
def test_a_mark_of_another_key_changes_nothing(engine: Engine, signer: str) -> None:
    async def story(world: World) -> None:
        forged = StoreMark(last=EntryNamed(9_999, "ab" * 32), root=9)
        for payload in (seal_mark(forged, SIGNERS[signer]), b"{}", b"\xff", b"", b"[" * 9_000):
            await world.service.handle(Arrival(Place(Channel.MARK), payload, retained=True))
        await world.settle()
        assert world.service.marking.refused == 4
        with reading(engine) as session:
            assert found_losses(session) == []

    run_story(engine, story)


def test_two_stores_with_one_key_do_not_lift_each_other(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(world: World) -> None:
        other = back_up(engine, tmp_path / "other.db")
        with writing(other) as session:
            draw_rev(session, "hold/winter")
        foreign = StoreMark(last=EntryNamed(500, "cd" * 32), root=1)
        for _ in range(3):
            sealed = seal_mark(foreign, SIGNERS["service"])
            await world.service.handle(Arrival(Place(Channel.MARK), sealed))
            await world.settle()
        with reading(engine) as session:
            assert found_losses(session) == []

    run_story(engine, story)
    assert caplog.text.count("another store with our key") == 1


def test_an_object_without_a_number_begins_above_what_was_lost(any_store: Engine) -> None:
    mark = StoreMark(last=EntryNamed(40, "ab" * 32), root=3)
    with writing(any_store) as session:
        assert draw_rev(session, "hold/old") == 1
        loss = account_for(session, mark, 1, 1_600_000_000_000)
        assert loss is not None
        assert (loss.after, loss.entries) == (0, 40)
        assert draw_rev(session, "hold/old") == 42
        assert draw_rev(session, "hold/new") == 41
        assert draw_rev(session, "hold/new") == 42
        assert account_for(session, mark, 1, 1_600_000_000_000) is None
        assert found_losses(session) == [FoundLoss(after=0, entries=40, found_at=1)]


def test_a_counter_that_a_thief_has_put_at_the_middle_goes_on_above_a_loss(any_store: Engine) -> None:
    mark = StoreMark(last=EntryNamed(40, "ab" * 32), root=3)
    with writing(any_store) as session:
        note_held(session, {"m1": {"hold/winter": BELIEVED_MAX}})
        assert draw_rev(session, "hold/winter") == BELIEVED_MAX + 1
        assert account_for(session, mark, 1, 1_600_000_000_000) is not None
        assert draw_rev(session, "hold/winter") == BELIEVED_MAX + 42


def test_the_file_outlives_the_store(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "mark.json"
    keys = replace(SERVICE_KEYS, mark=path)

    async def story(world: World) -> None:
        world.restart(keys)
        world.release(M1)
        await world.settle()
        mark = read_mark(path, ROOT)
        assert mark is not None
        with reading(engine) as session:
            assert mark == mark_of(session, ROOT.version)
        assert path.stat().st_mode & 0o777 == 0o600

    run_story(engine, story)


def test_a_mark_that_cannot_be_written_holds_up_no_protection(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    async def story(world: World) -> None:
        world.restart(replace(SERVICE_KEYS, mark=tmp_path / "file" / "mark.json"))
        sent = world.release(M1)
        await world.settle()
        assert {state for state, _ in outcomes(engine, sent)} == {"effective"}

    run_story(engine, story)


def test_a_refused_lease_is_issued_again_above_what_the_meter_holds(engine: Engine, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.permit()
        await world.wait(MINUTE_MS, MINUTE_MS)
        backup = back_up(engine, tmp_path / "backup.db")
        for _ in range(3):
            world.declare("winter", world.now_ms, world.now_ms + 90 * DAY_MS)
            await world.wait(MINUTE_MS, MINUTE_MS)
        held = lease_revs(world)
        assert min(held) >= 4
        # The broker has lost the mark too: only the meters know.
        world.mark = b""
        await restored(world, backup)
        world.declare("summer", world.now_ms, world.now_ms + 90 * DAY_MS)
        await world.wait(3 * MINUTE_MS, MINUTE_MS)
        assert min(lease_revs(world)) > max(held)
        assert world.meter("m1").memory.lease is not None
        issued = counted(backup, "rev/lease/fleet")
        await world.wait(30 * MINUTE_MS, MINUTE_MS)
        assert counted(backup, "rev/lease/fleet") == issued

    run_story(engine, story)


def lease_revs(world: World) -> list[int]:
    leases = [world.meter(name).memory.lease for name in ("m1", "m2")]
    return [0 if lease is None else lease.rev for lease in leases]
