"""The other time authority: a flood of asks delays no meter, and a new root counts without a restart."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from controller.office.root_chain import ChainedRoot, RootChain, write_chain
from controller.service.root_watch import RootWatch
from controller.service.time_program import answering
from controller.service.time_service import TimeAuthority
from protocols.documents.envelope import seal
from protocols.documents.kind_rule import Role
from protocols.documents.roles import ROOT_TYPE, Key, RoleKeys, Root, write_root
from protocols.link.agreement import agreed_by_meter, drawn_public, public_half
from protocols.link.carriage import Arrival, BrokerAddress
from protocols.link.keys import ask_key, asks_key
from protocols.link.messages import TimeAsk
from protocols.link.proofs import Proof, Purpose, with_mac
from protocols.link.service_time import write_ask
from protocols.link.topics import Channel, Place
from protocols.reasons import Source
from protocols.rim.carrier import Handle
from tests.controller.service.test_parts import FakeBroker
from tests.controller.service_bench import FLEET_KEY, ROOT_ENVELOPE, SteppedClock
from tests.emulator.firmware.guarded.workbench import ROOT, SIGNERS

TIMESERVER = SIGNERS["timeserver"]
ASKS = asks_key(FLEET_KEY, Source.TIMESERVER)
PATIENCE_S = 20.0


@dataclass
class HandedBroker(FakeBroker):
    """A connection that hands over what a test says has arrived."""

    handles: list[Handle] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def carry(self, *_given: object, handle: Handle, **_more: object) -> "HandedBroker":
        self.handles.append(handle)
        return self

    async def arrive(self, arrival: Arrival) -> None:
        await self.handles[0](arrival)

    async def answered(self, enough: Callable[[], bool]) -> list[str]:
        """The meters that were answered, in that sequence, once `enough`."""
        async with asyncio.timeout(PATIENCE_S):
            while not enough():  # noqa: ASYNC110 # it has no event
                await asyncio.sleep(0.001)
        return [place.meter for place, _ in self.published]


def timeserver(asks: bytes | None = ASKS, may: Callable[[], bool] = lambda: True) -> HandedBroker:
    broker, address = HandedBroker(), BrokerAddress("127.0.0.1", 1883)
    answering(
        Source.TIMESERVER,
        TIMESERVER,
        () if asks is None else (asks,),
        address,
        SteppedClock(),
        carry=broker.carry,  # type: ignore[arg-type] # a connection that only hands over
        may=may,
    )
    return broker


def ask(meter: str, *, proved: bool = True) -> Arrival:
    word = msgspec.json.encode(TimeAsk(meter=meter, source=Source.TIMESERVER, nonce="n" * 32))
    if proved:
        word = with_mac(word, Purpose.ASK, "link-1", ask_key(ASKS, meter))
    return Arrival(Place(Channel.TIME_ASK, link="link-1", meter=meter), word)


def test_an_ask_that_is_proved_does_not_wait_behind_thousands_that_are_not() -> None:
    async def story() -> list[str]:
        broker = timeserver()
        for number in range(5_000):
            await broker.arrive(ask(f"x{number}", proved=False))
        await broker.arrive(ask("m1"))
        await broker.arrive(Arrival(Place(Channel.SERVICE_ASK), write_ask(Source.TIMESERVER, "n" * 32, ASKS)))
        return await broker.answered(lambda: len(broker.published) > 2)

    assert set(asyncio.run(story())[:3]) >= {"m1", ""}, "the service's own ask names no meter"


def test_what_is_not_proved_is_answered_too_and_a_forged_ask_is_not() -> None:
    async def story() -> list[str]:
        broker = timeserver()
        forged = ask("m9")
        await broker.arrive(Arrival(forged.place, forged.payload.replace(b"n" * 32, b"o" * 32)))
        for source, nonce, key in (
            (Source.TIMESERVER, "n" * 32, b"x" * 32),
            (Source.HEADEND, "n" * 32, ASKS),
        ):
            await broker.arrive(Arrival(Place(Channel.SERVICE_ASK), write_ask(source, nonce, key)))
        await broker.arrive(Arrival(Place(Channel.SERVICE_ASK), b"{}"))
        for meter in ("m1", "m2"):
            await broker.arrive(ask(meter, proved=False))
        return await broker.answered(lambda: len(broker.published) >= 2)

    assert asyncio.run(story()) == ["m1", "m2"]


def drawn_ask(meter: str, asks: bytes, *, forged: bool = False) -> Arrival:
    drawn = meter.encode().ljust(32, b"d")
    said = TimeAsk(meter=meter, source=Source.TIMESERVER, nonce="n" * 32, key=drawn_public(drawn))
    key = agreed_by_meter(drawn, public_half(asks), Source.TIMESERVER, meter)
    word = with_mac(msgspec.json.encode(said), Purpose.ASK, "link-1", b"x" * 32 if forged else key)
    return Arrival(Place(Channel.TIME_ASK, link="link-1", meter=meter), word)


def test_asks_of_meters_that_have_drawn_a_key_are_proved_once_its_generation_is_here() -> None:
    later = (b"2" * 32, b"3" * 32)
    authority = TimeAuthority(
        Source.TIMESERVER, TIMESERVER, SteppedClock(), HandedBroker(), asks=ASKS, later=lambda: later
    )
    right, unknown = Proof.AUTHENTIC, Proof.UNVERIFIED
    proofs = [
        authority.proof_of(each)
        for each in (
            ask("m1"),
            ask("m1", proved=False),
            *(drawn_ask("m1", asks) for asks in later),
            drawn_ask("m1", ASKS),
            drawn_ask("m1", later[0], forged=True),
            Arrival(ask("m1").place, b"{}"),
        )
    ]
    assert proofs == [right, unknown, right, right, unknown, unknown, unknown]


def test_without_a_key_for_asks_every_ask_is_answered_in_its_turn() -> None:
    async def story() -> list[str]:
        broker = timeserver(asks=None)
        for meter in ("m1", "m2", "m3"):
            await broker.arrive(ask(meter))
        return await broker.answered(lambda: len(broker.published) >= 3)

    assert asyncio.run(story()) == ["m1", "m2", "m3"]


def sealed(root: Root, *signers: str) -> bytes:
    return seal(write_root(root), ROOT_TYPE, [SIGNERS[name] for name in signers or ("gina", "hugo")])


def with_time_keys(root: Root, *names: str) -> Root:
    keyids = tuple(SIGNERS[name].keyid for name in names)
    return replace(root, roles=root.roles | {Role.TIME: RoleKeys(1, keyids)})


SECOND = replace(ROOT, version=ROOT.version + 1)
# Another machine's time authority alone is listed; then ours again.
WITHOUT = with_time_keys(replace(ROOT, version=ROOT.version + 2), "headend")
AGAIN = replace(SECOND, version=ROOT.version + 3)


@pytest.fixture
def watch(tmp_path: Path) -> RootWatch:
    (tmp_path / "root.json").write_bytes(ROOT_ENVELOPE)
    return RootWatch(tmp_path / "root.json", ROOT, TIMESERVER)


def test_a_newer_root_of_the_home_is_in_force_without_a_restart(
    watch: RootWatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    listed = []
    for root in (ROOT, SECOND, WITHOUT, AGAIN):
        (tmp_path / "root.json").write_bytes(sealed(root))
        for _ in range(2):
            watch.look()
        assert watch.root == root
        listed.append(watch.is_listed)
    assert listed == [True, True, False, True]
    said = [f"root {root.version} is in force now" for root in (SECOND, WITHOUT, AGAIN)]
    assert [line.split(",")[0] for line in caplog.messages if "is in force" in line] == said
    assert [line for line in caplog.messages if "does not list this key" in line] == [
        f"root {WITHOUT.version} does not list this key: no ask is answered any more"
    ]


def test_a_root_that_is_several_steps_on_is_taken_by_the_roots_between(
    watch: RootWatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each was signed by people of the one before, and nobody of the first one is left."""
    people = {name: Key(SIGNERS[name].public.hex(), name) for name in ("gina", "hugo", "dora", "eric")}
    keys = {SIGNERS[name].keyid: key for name, key in people.items()}
    between = replace(SECOND, roles=SECOND.roles | {Role.ROOT: RoleKeys(2, tuple(keys)[2:])})
    last = replace(between, version=between.version + 1)
    chain = sealed(between, "gina", "hugo", "dora", "eric"), sealed(last, "dora", "eric")
    (tmp_path / "root.json").write_bytes(chain[1])
    watch.look()
    assert watch.root == ROOT
    assert "not taken: too few signers" in caplog.messages[-1]
    (tmp_path / "roots.jsonl").write_bytes(b"{}")
    watch.look()
    assert watch.root == ROOT
    links = [ChainedRoot(root, envelope) for root, envelope in zip((between, last), chain, strict=True)]
    (tmp_path / "roots.jsonl").write_bytes(write_chain(RootChain(links)))
    watch.look()
    assert watch.root == last


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (sealed(SECOND, "gina"), "not taken: too few signers"),
        (b"{}", "envelope"),
        (None, "No such file or directory"),
    ],
)
def test_whatever_else_the_file_holds_is_named_once_and_changes_nothing(
    watch: RootWatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, found: bytes | None, said: str
) -> None:
    path = tmp_path / "root.json"
    path.unlink()
    if found is not None:
        path.write_bytes(found)
    for _ in range(3):
        watch.look()
    (line,) = caplog.messages
    assert said in line
    assert line.endswith(f"root {ROOT.version} stays in force here")
    assert watch.root == ROOT
    path.write_bytes(sealed(SECOND))
    watch.look()
    assert watch.root == SECOND


def test_nothing_is_answered_while_the_root_does_not_list_the_key(watch: RootWatch, tmp_path: Path) -> None:
    async def story() -> list[str]:
        broker = timeserver(may=lambda: watch.is_listed)
        for meter, root in (("m1", ROOT), ("m2", WITHOUT), ("m3", AGAIN)):
            (tmp_path / "root.json").write_bytes(sealed(root))
            watch.look()
            await broker.arrive(ask(meter))
        return await broker.answered(lambda: len(broker.published) >= 2)

    assert asyncio.run(story()) == ["m1", "m3"]
