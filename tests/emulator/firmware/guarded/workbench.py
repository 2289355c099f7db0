"""A guarded meter on the table, with everybody's keys beside it and a true clock on the wall.

`now_ms` is true time; `tick` follows it through a crystal of `drift_ppm`. The tests say what happens
in true time; what the meter knows of it is its own affair.
"""

from dataclasses import dataclass, field, replace
from hashlib import sha256

import msgspec

from emulator.firmware.effects import Ask, Effect, RecordEmitted, SetSupply
from emulator.firmware.events import AskTime, Document, DocumentChannel, Event
from emulator.firmware.guarded.identity import Identity
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.profile import EmergencyStart, Profile, Reconnect
from emulator.firmware.ticks import STEP_MS, Tick
from protocols.documents.bodies import Body, CutCalendarBody, HoldBody, LeaseBody, Named, PaymentBody
from protocols.documents.envelope import Signer, seal
from protocols.documents.issuers import ISSUERS_TYPE, Issuer, Issuers, write_issuers
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.kinds import KINDS
from protocols.documents.orders import (
    ORDER_TYPE,
    TIME_TYPE,
    OneWayTime,
    Order,
    Scope,
    TimeAnswer,
    digest_of,
    make_body,
    write_document,
)
from protocols.documents.roles import Key, RoleKeys, Root
from protocols.instants import DAY_MS, HOUR_MS, UtcMs, ms_from_iso
from protocols.link.records import OrderJudged
from protocols.reasons import Energy, PaymentMode, Source
from protocols.spans import Window
from protocols.units import QUANTA_PER_EUR

# Monday 6 July 2020, 00:00 in Brussels.
MONDAY_MS = ms_from_iso("2020-07-06T00:00:00+02:00")
MINUTE_MS = 60_000

PROFILE = Profile(
    name="test",
    energy=Energy.ELECTRICITY,
    zone="Europe/Brussels",
    keypad=False,
    emergency_credit_q=12 * QUANTA_PER_EUR,
    emergency_start=EmergencyStart.BUTTON,
    reconnect=Reconnect.CLOSE,
    warning_s=3600,
    spread_max_s=0,
    limiter_w=2300,
    leak_test_s=720,
    crystal_ppm=50,
    friendly="",
    low_credit_q=0,
    debt_share_percent=0,
    price_ueur_per_kwh=300_000,
    fixed_ueur_per_day=0,
)
GAS = replace(PROFILE, energy=Energy.GAS, limiter_w=0)

PEOPLE = {
    Role.PROTECT: ("anna", "bert", "chris"),
    Role.HARM: ("dora", "eric", "fred"),
    Role.LEASE: ("service",),
    Role.TIME: tuple(Source),
    Role.ROOT: ("gina", "hugo"),
}
PERSONS = {*PEOPLE[Role.PROTECT], *PEOPLE[Role.HARM], *PEOPLE[Role.ROOT]}
SIGNERS = {
    holder: Signer.from_seed(sha256(holder.encode()).digest())
    for holders in PEOPLE.values()
    for holder in holders
}
ROOT = Root(
    version=1,
    expires_ms=ms_from_iso("2030-01-01T00:00:00Z"),
    keys={signer.keyid: Key(signer.public.hex(), holder) for holder, signer in SIGNERS.items()},
    roles={
        role: RoleKeys(
            2 if role in (Role.HARM, Role.ROOT) else 1, tuple(SIGNERS[holder].keyid for holder in holders)
        )
        for role, holders in PEOPLE.items()
    },
)


def issuers_of(version: int = 1, **issuers: tuple[str, int, int]) -> Issuers:
    """A document that names issuers, each as (owner of its key, epoch, allowance in µ€ a day)."""
    return Issuers(
        version=version,
        issuers=tuple(
            Issuer(
                name=name,
                epoch=epoch,
                public=machine(owner).public.hex(),
                allowance_ueur_per_day=allowance_ueur,
            )
            for name, (owner, epoch, allowance_ueur) in issuers.items()
        ),
    )


def machine(owner: str) -> Signer:
    """The key of an issuer, which no root names."""
    return Signer.from_seed(sha256(f"machine/{owner}".encode()).digest())


# The controller may credit 86.40 € a day: a thousandth of a euro each second.
ISSUERS = issuers_of(controller=("service", 1, 86_400_000))


class EverySecond(GuardedMeter):
    """The semantics itself: a step every second of the crystal, whether there is anything to do or not."""

    def _next_due(self) -> int:
        return self.stepped_tick + STEP_MS


@dataclass(slots=True)
class Workbench:
    """One meter and the time of day."""

    profile: Profile = PROFILE
    balance_q: int = 1000 * QUANTA_PER_EUR
    load_w: int = 1000
    now_ms: int = MONDAY_MS
    drift_ppm: int = 0
    meter_class: type[GuardedMeter] = GuardedMeter
    issuers: Issuers | None = None
    mode: PaymentMode = PaymentMode.PREPAID
    meter: GuardedMeter = field(init=False)
    began_ms: int = field(init=False)
    effects: list[Effect] = field(default_factory=list)
    revs: dict[str, int] = field(default_factory=dict)
    number: int = 0
    calendar: Order | None = None
    accepted: list[tuple[int, Order]] = field(default_factory=list)

    def __post_init__(self) -> None:
        identity = Identity("m1", frozenset({"north"}), b"k" * 32)
        self.began_ms = self.now_ms
        self.meter = self.meter_class(
            identity,
            self.profile,
            ROOT,
            balance_q=self.balance_q,
            load_w=self.load_w,
            commissioned_ms=UtcMs(self.now_ms),
            issuers=self.issuers,
            mode=self.mode,
        )

    @property
    def tick(self) -> Tick:
        return Tick((self.now_ms - self.began_ms) * (1_000_000 + self.drift_ppm) // 1_000_000)

    @property
    def supply(self) -> str:
        return self.meter.point.supply.value

    @property
    def clock(self) -> str:
        return self.meter.memory.clock.status.value

    def wait(self, ms: int) -> "Workbench":
        self.now_ms += ms
        self.effects.extend(self.meter.advance(self.tick))
        return self

    def wait_until(self, instant_ms: int) -> "Workbench":
        assert instant_ms >= self.now_ms
        return self.wait(instant_ms - self.now_ms)

    def do(self, event: Event) -> tuple[Effect, ...]:
        effects = self.meter.handle(event, self.tick)
        self.effects.extend(effects)
        return effects

    # -- orders -------------------------------------------------------------------------------

    def order(
        self,
        kind: Kind,
        name: str,
        body: Body,
        *,
        rev: int | None = None,
        scope: Scope | None = None,
        not_before_ms: int | None = None,
        not_after_ms: int | None = None,
    ) -> Order:
        object_name = f"{KINDS[kind].prefix}/{name}"
        if rev is None:
            rev = self.revs[object_name] = self.revs.get(object_name, 0) + 1
        self.number += 1
        return Order(
            id=f"o{self.number}",
            kind=kind,
            object=object_name,
            scope=Scope(meters=("m1",)) if scope is None else scope,
            rev=rev,
            issued_at_ms=self.now_ms,
            not_before_ms=self.now_ms - HOUR_MS if not_before_ms is None else not_before_ms,
            not_after_ms=self.now_ms + 30 * DAY_MS if not_after_ms is None else not_after_ms,
            basis="test",
            body=make_body(body),
        )

    def send(
        self,
        order: Order,
        signers: tuple[str, ...] | None = None,
        channel: DocumentChannel = DocumentChannel.MQTT,
    ) -> OrderJudged:
        """Sign as the kind demands, deliver, and return what the meter made of it."""
        return self.deliver(sign(order, signers), order, channel)

    def deliver(
        self, envelope: bytes, order: Order | None = None, channel: DocumentChannel = DocumentChannel.MQTT
    ) -> OrderJudged:
        """Hand over an envelope as it is; `order` is what it holds, where it is one."""
        effects = self.do(Document(envelope, channel))
        noted = [e.record for e in effects if isinstance(e, RecordEmitted)]
        judged = next(record for record in noted if isinstance(record, OrderJudged))
        if judged.verdict == "accepted" and order is not None:
            self.accepted.append((self.now_ms, order))
        return judged

    def give(self, kind: Kind, name: str, body: Body) -> OrderJudged:
        return self.send(self.order(kind, name, body))

    def permit(self, *windows_ms: tuple[int, int], days: int = 30, names: tuple[Named, ...] = ()) -> None:
        """A calendar by two people and a lease of `days` by the service."""
        windows = tuple(Window(*edges) for edges in windows_ms)
        self.calendar = self.order(Kind.CUT_CALENDAR, "season", CutCalendarBody(windows))
        assert self.send(self.calendar).verdict == "accepted"
        assert self.lease(days, names).verdict == "accepted"

    def lease(self, days: int = 30, names: tuple[Named, ...] = ()) -> OrderJudged:
        assert self.calendar is not None
        body = LeaseBody(self.calendar.object, self.calendar.rev, digest_of(self.calendar), names)
        return self.send(self.order(Kind.LEASE, "m1", body, not_after_ms=self.now_ms + days * DAY_MS))

    def hold(self, name: str, from_ms: int, until_ms: int) -> OrderJudged:
        return self.give(Kind.HOLD, name, HoldBody(from_ms, until_ms))

    def pay(self, number: int, total_ueur: int) -> OrderJudged:
        return self.give(Kind.PAYMENT, "controller", PaymentBody("controller", number, total_ueur))

    def state(
        self, total_ueur: int, *owners: str, epoch: int = 1, issuer: str = "controller", number: int = 1
    ) -> OrderJudged:
        """A statement signed with the issuers' keys of these owners, or with keys of people."""
        body = PaymentBody(issuer, number, total_ueur, epoch)
        order = self.order(Kind.PAYMENT, issuer, body)
        signers = [SIGNERS[owner] if owner in PERSONS else machine(owner) for owner in owners or ("service",)]
        return self.deliver(seal(write_document(order), ORDER_TYPE, signers), order)

    def name_issuers(self, issuers: Issuers, *people: str) -> OrderJudged:
        """An issuers document, signed by two people who may harm, or by those named."""
        signers = [SIGNERS[who] for who in people or ("dora", "eric")]
        return self.deliver(seal(write_issuers(issuers), ISSUERS_TYPE, signers))

    # -- time ---------------------------------------------------------------------------------

    def ask(self, source: Source) -> str:
        """What the meter asks, and when: now."""
        return next(e.nonce for e in self.do(AskTime(source)) if isinstance(e, Ask))

    def answer(self, source: Source, nonce: str, time_ms: int, spread_ms: int = 1000) -> tuple[Effect, ...]:
        answer = TimeAnswer(meter="m1", nonce=nonce, time_ms=time_ms, spread_ms=spread_ms)
        return self.do(Document(seal(write_document(answer), TIME_TYPE, [SIGNERS[source]])))

    def witness(self, source: Source, offset_ms: int = 0) -> None:
        self.answer(source, self.ask(source), self.now_ms + offset_ms)

    def tell(self, source: Source, number: int, time_ms: int) -> tuple[Effect, ...]:
        told = OneWayTime(number=number, time_ms=time_ms, spread_ms=1000)
        return self.do(Document(seal(write_document(told), TIME_TYPE, [SIGNERS[source]])))

    def supply_changes(self) -> list[tuple[int, str, str]]:
        """(seconds of ticks, to, reason) of every change so far."""
        return [(e.at_tick // 1000, e.after, e.reason) for e in self.effects if isinstance(e, SetSupply)]


def sign(order: Order, signers: tuple[str, ...] | None = None) -> bytes:
    """Sealed by as many people as the kind demands, or by those named."""
    role = KINDS[order.kind].role
    if signers is None:
        signers = PEOPLE[role][: ROOT.roles[role].threshold]
    return seal(write_document(order), ORDER_TYPE, [SIGNERS[holder] for holder in signers])


def trace(effects: list[Effect]) -> bytes:
    """All that a meter did, as comparable bytes: effects but for images, with their ticks."""
    kept = [e for e in effects if type(e).__name__ != "Persist"]
    return msgspec.json.encode([(type(e).__name__, e) for e in kept])
