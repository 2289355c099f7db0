"""A kiosk's line forgets nothing before it is acknowledged, whatever is lost, doubled, killed or restored."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from cardreader.issuing.practice import practice_root, practice_signer
from cardreader.kiosk.home import CardsKey, KioskForm, KioskHome, open_home, write_home
from cardreader.kiosk.line_marks import boot_number, clock_seen
from cardreader.kiosk.rules import Moment, silence_ms
from cardreader.kiosk.store import (
    documents_for,
    last_heard,
    noted_mark,
    open_kiosk_store,
    outgoing_after,
    queue_outgoing,
    reading_kiosk,
    writing_kiosk,
)
from cardreader.kiosk.tables import UpChannel
from cardreader.line.station import Station
from protocols.documents.envelope import Signer, WireEnvelope, seal
from protocols.documents.kiosk_limits import KIOSK_LIMITS_TYPE, KioskLimits, write_limits
from protocols.documents.roles import ROOT_TYPE, write_root
from protocols.instants import DAY_MS, UtcMs
from protocols.link.carriage import Arrival
from protocols.link.kiosk_words import (
    NOTHING,
    CardDocument,
    ItemAck,
    KioskAsk,
    KioskItem,
    KioskOrders,
    KioskStatus,
    item_digest,
    read_word,
    write_word,
)
from protocols.link.proofs import Proof
from protocols.link.service_time import SERVICE_TIME_TYPE, ServiceAnswer, write_answer
from protocols.link.topics import Channel, Place
from protocols.reasons import ClockStanding, Source

NOW_MS = UtcMs(1_700_000_000_000)
KEY = bytes(range(32))
PEOPLE = [practice_signer("line", name) for name in ("anna", "rita", "sami")]
ROOT = practice_root("line", NOW_MS * 2)
ENVELOPE = msgspec.json.decode(seal(b"{}", "t", [Signer.from_seed(bytes(32))]), type=WireEnvelope)


@dataclass
class Clockwork:
    """A machine whose clock a test sets."""

    boot_id: str = "boot-1"
    tick: int = 1_000_000
    off_ms: int = 0

    def tick_ms(self) -> int:
        return self.tick

    def now_ms(self) -> UtcMs:
        return UtcMs(NOW_MS + self.tick + self.off_ms)

    async def sleep_until(self, instant_ms: int) -> None:
        del instant_ms


@dataclass
class Wire:
    """A broker that keeps what was published, and is connected or not."""

    connected: bool = True
    said: list[tuple[Place, bytes]] = field(default_factory=list)

    async def publish(
        self, place: Place, payload: bytes, *, expiry_s: int | None = None, retain: bool | None = None
    ) -> None:
        del expiry_s, retain
        self.said.append((place, payload))


def make_home(folder: Path) -> KioskHome:
    form = KioskForm(kiosk="k1", office="namur", issuer="namur", epoch=2)
    limits = seal(write_limits(KioskLimits(kiosk="k1", version=1)), KIOSK_LIMITS_TYPE, PEOPLE)
    root = seal(write_root(ROOT), ROOT_TYPE, PEOPLE)
    cards = CardsKey(1, bytes(32).hex())
    return write_home(
        KioskHome(form, Signer.from_seed(bytes(32)), cards, KEY, root=root, limits=limits), folder
    )


class Kiosk:
    """A station on a wire, step by step."""

    def __init__(self, folder: Path) -> None:
        self.home = open_home(folder) if (folder / "kiosk.json").exists() else make_home(folder)
        self.store: Engine = open_kiosk_store(self.home.store)
        self.machine, self.wire, self._nonces = Clockwork(), Wire(), 0
        self.begin()

    def begin(self) -> None:
        """The program starts."""
        self.station = Station(open_home(self.home_folder), self.store, self.machine, self._draw)
        self.station.attach(self.wire)
        self.station.last_will()

    @property
    def home_folder(self) -> Path:
        assert self.home.folder is not None
        return self.home.folder

    def _draw(self) -> str:
        self._nonces += 1
        return f"nonce-{self._nonces:016}"

    def queue(self, text: str) -> None:
        with writing_kiosk(self.store) as session:
            queue_outgoing(session, UpChannel.RECEIPTS, msgspec.json.encode({"say": text}), NOW_MS)

    def waiting(self) -> list[str]:
        with reading_kiosk(self.store) as session:
            rows = outgoing_after(session, 0, 1_000)
            return [msgspec.json.decode(row.payload)["say"] for row in rows]

    def step(self, passed_ms: int = 61_000) -> list[KioskItem | KioskStatus | KioskAsk]:
        """Time passes, and what is due is said."""
        self.machine.tick += passed_ms
        self.wire.said.clear()
        asyncio.run(self.station.step())
        return [_read(place.channel, payload) for place, payload in self.wire.said]

    def items(self, passed_ms: int = 61_000) -> list[KioskItem]:
        return [each for each in self.step(passed_ms) if isinstance(each, KioskItem)]

    def status(self) -> KioskStatus:
        (found,) = [each for each in self.step() if isinstance(each, KioskStatus)]
        return found

    def hear(self, orders: KioskOrders, key: bytes = KEY) -> None:
        self.hear_raw(Channel.KIOSK_ORDERS, write_word(orders, key))

    def hear_raw(self, channel: Channel, payload: bytes) -> None:
        asyncio.run(self.station.handle(Arrival(Place(channel, kiosk="k1"), payload)))

    def close(self) -> None:
        self.store.dispose()


@pytest.fixture
def kiosk(tmp_path: Path) -> Kiosk:
    return Kiosk(tmp_path / "home")


def _read(channel: Channel, payload: bytes) -> KioskItem | KioskStatus | KioskAsk:
    found: KioskItem | KioskStatus | KioskAsk | Proof
    match channel:
        case Channel.KIOSK_STATUS:
            found = read_word(payload, KioskStatus, "k1", KEY)
        case Channel.KIOSK_ASK:
            found = read_word(payload, KioskAsk, "k1", KEY)
        case _:
            found = read_word(payload, KioskItem, "k1", KEY)
    assert not isinstance(found, Proof)
    return found


def text_of(item: KioskItem) -> str:
    found = msgspec.json.decode(bytes(item.body))["say"]
    assert isinstance(found, str)
    return found


def ack_of(item: KioskItem) -> ItemAck:
    return ItemAck(item.number, item_digest(bytes(item.body)))


DEEDS = st.sampled_from(["queue", "send", "lose", "ack", "late", "kill", "copy", "restore", "twice"])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(DEEDS, max_size=24))
def test_nothing_is_forgotten_that_the_controller_has_not_stored(tmp_path: Path, deeds: list[str]) -> None:
    folder = tmp_path / "home"
    shutil.rmtree(folder, ignore_errors=True)
    kiosk, stored, queued, late = Kiosk(folder), set[str](), list[str](), list[ItemAck]()
    lost_with_a_copy, at_copy = set[str](), list[str]()
    for place, deed in enumerate(deeds):
        match deed:
            case "queue":
                queued.append(f"item {place}")
                kiosk.queue(queued[-1])
            case "send" | "ack" | "twice" | "late":
                items = kiosk.items()
                stored |= {text_of(each) for each in items}
                late += [ack_of(each) for each in items]
                if deed != "late":
                    for _ in range(1 + (deed == "twice")):
                        kiosk.hear(KioskOrders(kiosk="k1", acks=tuple(map(ack_of, items))))
            case "lose":
                kiosk.items()
            case "kill":
                kiosk.begin()
            case "copy":
                kiosk.store.dispose()
                shutil.copy(kiosk.home.store, tmp_path / "copy.db")
                at_copy = list(queued)
            case "restore" if (tmp_path / "copy.db").exists() and at_copy:
                kiosk.close()
                for extra in ("-wal", "-shm"):
                    Path(f"{kiosk.home.store}{extra}").unlink(missing_ok=True)
                shutil.copy(tmp_path / "copy.db", kiosk.home.store)
                lost_with_a_copy |= set(queued) - set(at_copy)
                kiosk = Kiosk(folder)
            case _:
                # Acknowledgements of whatever numbers were given before, also before a copy came back.
                kiosk.hear(KioskOrders(kiosk="k1", acks=tuple(late[:100])))
        assert set(queued) - lost_with_a_copy <= stored | set(kiosk.waiting())
    (tmp_path / "copy.db").unlink(missing_ok=True)
    for _ in range(3):
        items = kiosk.items()
        stored |= {text_of(each) for each in items}
        kiosk.hear(KioskOrders(kiosk="k1", acks=tuple(map(ack_of, items))))
    assert kiosk.waiting() == []
    assert set(queued) - lost_with_a_copy <= stored
    kiosk.close()


def test_items_that_cannot_travel_hold_up_no_other(kiosk: Kiosk) -> None:
    with writing_kiosk(kiosk.store) as session:
        for _ in range(120):
            queue_outgoing(session, UpChannel.RECEIPTS, b"no JSON", NOW_MS)
    kiosk.queue("a")
    steps = [kiosk.items() for _ in range(4)]
    numbers = [each.number for step in steps for each in step if each.body == NOTHING]
    assert numbers == list(range(1, 121))  # nothing goes in their place, once
    assert [text_of(each) for each in steps[2] if each.body != NOTHING] == ["a"]
    assert [text_of(each) for each in steps[3]] == ["a"]


def test_threads_work_one_at_a_time(kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock, and what was sent when, are changed by what comes down and read by what goes up."""
    began, to_thread = list[str](), asyncio.to_thread

    async def noting(work: Callable[..., object], *given: object) -> object:
        began.append(getattr(work, "__name__", ""))
        return await to_thread(work, *given)

    async def run() -> None:
        station = kiosk.station
        answer = Arrival(Place(Channel.KIOSK_ANSWER, kiosk="k1"), b"{}")
        async with station._lock:
            tasks = [
                asyncio.create_task(each)
                for each in (station.step(), station.greet(), station.handle(answer))
            ]
            for _ in range(20):
                await asyncio.sleep(0)
            assert began == []
            assert not any(task.done() for task in tasks)
        await asyncio.gather(*tasks)

    kiosk.machine.tick += 61_000
    kiosk.queue("a")
    monkeypatch.setattr(asyncio, "to_thread", noting)
    asyncio.run(run())
    assert {"_judge", "_status", "asks", "_due", "_hear_time"} <= set(began)


def test_an_acknowledgement_of_another_item_or_of_another_key_forgets_nothing(kiosk: Kiosk) -> None:
    kiosk.queue("a")
    (item,) = kiosk.items()
    kiosk.hear(KioskOrders(kiosk="k1", acks=(ItemAck(item.number, "0" * 16),)))
    kiosk.hear(KioskOrders(kiosk="k1", acks=(ack_of(item),)), key=bytes(32))
    assert kiosk.waiting() == ["a"]
    kiosk.hear(KioskOrders(kiosk="k1", acks=(ack_of(item),)))
    assert kiosk.waiting() == []


def test_only_the_answer_to_its_present_nonce_counts_as_heard(kiosk: Kiosk) -> None:
    first = kiosk.status()
    kiosk.hear(KioskOrders(kiosk="k1", echo=first.nonce))
    second = kiosk.status()
    assert second.heard_ms
    kiosk.machine.tick += 5 * 3_600_000
    kiosk.hear(KioskOrders(kiosk="k1", echo=first.nonce))
    machine = kiosk.machine
    with reading_kiosk(kiosk.store) as session:
        heard = last_heard(session)
    now = Moment(machine.now_ms(), machine.tick_ms(), boot_number(machine.boot_id))
    assert silence_ms(heard, now) >= 5 * 3_600_000  # type: ignore[operator] # it was heard


def test_documents_come_in_their_sequence_and_a_gap_takes_none(kiosk: Kiosk) -> None:
    def document(number: int, name: str, *, gone: bool = False) -> CardDocument:
        return CardDocument(meter="m1", object=name, number=number, envelope=None if gone else ENVELOPE)

    def held() -> list[str]:
        with reading_kiosk(kiosk.store) as session:
            return sorted(row.object for row in documents_for(session, "m1"))

    kiosk.hear(KioskOrders(kiosk="k1", after=3, documents=(document(4, "late"),)))
    assert held() == []
    kiosk.hear(KioskOrders(kiosk="k1", documents=(document(1, "hold/a"), document(2, "hold/b"))))
    kiosk.hear(KioskOrders(kiosk="k1", after=2, documents=(document(3, "hold/a", gone=True),)))
    assert held() == ["hold/b"]
    kiosk.hear(KioskOrders(kiosk="k1", documents=(document(1, "hold/a"),)))
    assert (held(), kiosk.status().taken) == (["hold/b"], 3)


def test_a_store_that_was_put_back_numbers_its_connections_on(kiosk: Kiosk) -> None:
    before = kiosk.status()
    kiosk.hear(KioskOrders(kiosk="k1", echo=before.nonce, heard=40))
    after = kiosk.status()
    assert after.sequence > 40
    with reading_kiosk(kiosk.store) as session:
        assert noted_mark(session, "line/sequence") == after.sequence


@pytest.mark.parametrize(
    ("headend_ms", "timeserver_ms", "standing"),
    [
        (0, 0, ClockStanding.TRUSTED),
        (0, 86_400_000, ClockStanding.TRUSTED),
        (86_400_000, -86_400_000, ClockStanding.DOUBTFUL),
        (None, None, ClockStanding.DOUBTFUL),
    ],
)
def test_the_kiosk_trusts_its_clock_only_with_a_second_voice(
    kiosk: Kiosk, headend_ms: int | None, timeserver_ms: int | None, standing: ClockStanding
) -> None:
    """One day off at the system clock too: two voices that agree say so, and no time goes onto a card."""
    asks = [each for each in kiosk.step() if isinstance(each, KioskAsk)]
    assert [each.source for each in asks] == [Source.HEADEND, Source.TIMESERVER]
    for ask, off_ms in zip(asks, (headend_ms, timeserver_ms), strict=True):
        if off_ms is not None:
            time_ms = kiosk.machine.now_ms() + off_ms
            answer = write_answer(ServiceAnswer(nonce=ask.nonce, time_ms=time_ms, spread_ms=1_000))
            signer = practice_signer("line", ask.source.value)
            kiosk.hear_raw(Channel.KIOSK_ANSWER, seal(answer, SERVICE_TIME_TYPE, [signer]))
    kiosk.step()
    with reading_kiosk(kiosk.store) as session:
        seen = clock_seen(session, kiosk.machine.tick_ms(), kiosk.machine.boot_id)
        assert seen.standing is standing
        later = clock_seen(session, kiosk.machine.tick_ms() + 60_000, kiosk.machine.boot_id)
        kiosk.machine.off_ms += DAY_MS  # somebody sets the system clock: what was judged goes on by the ticks
        if standing is ClockStanding.TRUSTED:
            said_ms = next(each for each in (headend_ms, timeserver_ms) if each is not None)
            assert seen.estimate_ms is not None
            assert abs(seen.estimate_ms - (NOW_MS + kiosk.machine.tick + said_ms)) <= 3_000
            assert later.estimate_ms == seen.estimate_ms + 60_000
        else:
            assert (seen.estimate_ms, later.estimate_ms) == (None, None)
        assert clock_seen(session, 5, "boot-2").standing is ClockStanding.DOUBTFUL


def test_limits_only_rise_and_a_revocation_stays(kiosk: Kiosk) -> None:
    def told(version: int, *, revoked: bool = False, name: str = "anna") -> KioskOrders:
        limits = KioskLimits(kiosk="k1", version=version, revoked=revoked)
        sealed = seal(write_limits(limits), KIOSK_LIMITS_TYPE, [practice_signer("line", name)])
        return KioskOrders(kiosk="k1", limits=msgspec.json.decode(sealed, type=WireEnvelope))

    kiosk.hear(told(3))
    kiosk.hear(told(2))
    kiosk.hear(told(9, name="dora"))
    assert kiosk.status().limits == 3
    kiosk.hear(told(4, revoked=True))
    kiosk.hear(told(5))
    assert kiosk.status().limits == 4
