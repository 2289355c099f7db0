"""Whoever means harm: one operator's key in the wrong hands, or the login of a link without any key.

They publish what they like on the broker, and have heard all that passed there. With a key they sign alone.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from controller.office.issuing import ALLOWANCE_UEUR_PER_DAY, CONTROLLER
from emulator.population.plan import FleetPlan
from protocols.documents.bodies import CutOrderBody, LiftBody, Named
from protocols.documents.drafting import (
    Sheet,
    cancel_cut,
    declare_moratorium,
    object_of,
    payment_statement,
    set_flag,
)
from protocols.documents.envelope import seal
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import ORDER_TYPE, Order, Scope, make_body, write_document
from protocols.instants import DAY_MS, HOUR_MS, ms_from_iso
from protocols.limits import OBJECTS_MAX, PAYLOAD_BYTES_MAX, REV_MAX, TOMBSTONES_MAX
from protocols.link.carriage import publication
from protocols.link.keys import meter_key
from protocols.link.messages import (
    MeterHolds,
    Reading,
    Readings,
    Reported,
    StatementHeld,
    Status,
    Sync,
    read_report,
    write_message,
    write_report,
)
from protocols.link.topics import Channel, Place, place_of, topic_of
from protocols.reasons import ClockStatus, Energy, FlagName, Supply
from protocols.units import UEUR_PER_EUR
from tests.simulation.book import THIEFS
from tests.simulation.broker import Broker
from tests.simulation.floods import flood
from tests.simulation.parts import OPERATORS, issuer_signer, secrets
from tests.simulation.schedule import Counterfeit, Flood, Forgery, Theft
from tests.simulation.truth import START_MS, Truth

_FAR_MS: Final = ms_from_iso("2099-01-01T00:00Z")
# What a meter of today could be filled with by one key.
_JUNK_ISSUERS: Final = 32
# Just below what a purse can hold (`protocols.limits.BALANCE_EUR_MAX`).
_GREAT_SUM_UEUR: Final = 399_900 * UEUR_PER_EUR
_CLIMBED_REV: Final = 1_000
_PHANTOMS: Final = 40
_STRANGERS: Final = 1_400
_REPLAYED: Final = (Channel.RECEIPTS, Channel.REPORTED, Channel.EVENTS, Channel.SYNC, Channel.TIME_ANSWER)


class Adversary:
    """`steal` and `forge` do one deed each, at once."""

    def __init__(self, broker: Broker, truth: Truth, plan: FleetPlan) -> None:
        self._broker = broker
        self._truth = truth
        self._plan = plan

    # -- with a key -------------------------------------------------------------------------------------

    def steal(self, deed: Theft) -> None:
        """Sign alone with the key of the second operator, and publish."""
        for order in self._signed_alone(deed):
            envelope = seal(write_document(order), ORDER_TYPE, [secrets().signers[OPERATORS[1]]])
            for meter in order.scope.meters or self._plan.ids():
                self._say(Place(Channel.ORDERS, link=self._link_of(meter), meter=meter), envelope)

    def _signed_alone(self, deed: Theft) -> Iterator[Order]:
        match deed:
            case Theft.JUNK_HOLDS:
                for number in range(OBJECTS_MAX):
                    name = f"junk-{number}"
                    yield declare_moratorium(self._sheet(deed, number), name, _FAR_MS, _FAR_MS + DAY_MS)
            case Theft.CLIMBED_HOLD:
                span_ms = (START_MS, _FAR_MS)
                for number in range(3):
                    sheet = self._sheet(deed, number, 1 + number * _CLIMBED_REV)
                    yield declare_moratorium(sheet, "winter", *span_ms)
            case Theft.JUNK_CANCELS:
                for number in range(TOMBSTONES_MAX + 1):
                    order = cancel_cut(self._sheet(deed, number), f"junk-{number}", tuple(self._plan.ids()))
                    yield msgspec.structs.replace(order, issued_at_ms=_FAR_MS, not_after_ms=_FAR_MS + DAY_MS)
            case Theft.LONE_HARM:
                yield self._harm(Kind.LIFT_HOLD, "winter", LiftBody())
                yield self._harm(Kind.CUT_ORDER, "lone", CutOrderBody())
            case _:
                for meter in self._plan.ids():
                    yield from self._to_one(deed, meter)

    def _to_one(self, deed: Theft, meter: str) -> Iterator[Order]:
        match deed:
            case Theft.LAST_NUMBER:
                yield payment_statement(self._sheet(deed, 0, REV_MAX), meter, "controller", REV_MAX, 10**9)
            case Theft.GREAT_SUM:
                yield payment_statement(self._sheet(deed, 0), meter, "kiosk", 1, _GREAT_SUM_UEUR)
            case Theft.JUNK_ISSUERS:
                for number in range(_JUNK_ISSUERS):
                    yield payment_statement(self._sheet(deed, number), meter, f"junk-{number}", 1, 0)
            case _:
                # The next ids of the store, which anybody can foretell.
                heard = [int(each) for each in self._ids() if each.isdigit()]
                for number in range(max(heard, default=0) + 1, max(heard, default=0) + 6):
                    sheet = Sheet(f"o{number:06d}", 1, self._truth.now_ms(), "")
                    yield set_flag(sheet, meter, FlagName.DISPUTE)

    def _ids(self) -> Iterator[str]:
        for message in self._broker.heard:
            place = place_of(message.topic)
            if place is not None and place.channel is Channel.RECEIPTS:
                yield message.payload.partition(b'"order":"o')[2][:6].decode()

    def _harm(self, kind: Kind, name: str, body: LiftBody | CutOrderBody) -> Order:
        now_ms = self._truth.now_ms()
        return Order(
            id=f"{THIEFS}{kind}",
            kind=kind,
            object=object_of(kind, name),
            scope=Scope(meters=tuple(self._plan.ids())),
            rev=9,
            issued_at_ms=now_ms,
            not_before_ms=now_ms - HOUR_MS,
            not_after_ms=now_ms + DAY_MS,
            basis="",
            body=make_body(body),
        )

    def counterfeit(self, deed: Counterfeit, epoch: int) -> None:
        """Sign statements with the key of an issuer's epoch, one for each meter."""
        issuer, number, total_ueur = CONTROLLER, 1, 0
        match deed:
            case Counterfeit.ALLOWANCE | Counterfeit.NEXT_EPOCH | Counterfeit.OTHER_ISSUER:
                total_ueur = ALLOWANCE_UEUR_PER_DAY
            case Counterfeit.MORE:
                total_ueur = ALLOWANCE_UEUR_PER_DAY * 8 // 5
            case Counterfeit.GREAT_SUM:
                total_ueur = _GREAT_SUM_UEUR
            case Counterfeit.LAST_NUMBER:
                number, total_ueur = REV_MAX, 100 * UEUR_PER_EUR
            case Counterfeit.NO_MONEY:
                number = REV_MAX
        if deed is Counterfeit.OTHER_ISSUER:
            issuer = "kiosk"
        stated = epoch + (deed is Counterfeit.NEXT_EPOCH)
        for meter in self._plan.ids():
            sheet = Sheet(f"{THIEFS}{deed.name.lower()}-{epoch}-{meter}", number, self._truth.now_ms(), "")
            order = payment_statement(sheet, meter, issuer, number, total_ueur, epoch=stated)
            envelope = seal(write_document(order), ORDER_TYPE, [issuer_signer(epoch)])
            self._say(Place(Channel.ORDERS, link=self._link_of(meter), meter=meter), envelope)

    def _sheet(self, deed: Theft, number: int, rev: int = 1) -> Sheet:
        return Sheet(f"{THIEFS}{deed.replace(' ', '-')}-{number}", rev, self._truth.now_ms(), "")

    # -- without a key ----------------------------------------------------------------------------------

    def forge(self, deed: Forgery, link: str) -> None:
        """Say what is not true in the name of a link."""
        ids = self._plan.ids()
        match deed:
            case Forgery.ALL_HELD:
                own = [meter for meter in ids if self._link_of(meter) == link]
                self._sync(link, [_holds(meter) for meter in own])
            case Forgery.OTHER_LINK:
                self._sync(link, [_holds(meter) for meter in ids])
            case Forgery.PHANTOMS:
                self._sync(link, [_holds(f"p{number:05d}") for number in range(_PHANTOMS)])
            case Forgery.LAST_STATUS:
                status = Status(link=link, online=False, sequence=REV_MAX, meters=0)
                self._say(Place(Channel.STATUS, link=link), write_message(status))
            case Forgery.LAST_READING:
                now_ms = self._truth.now_ms()
                readings = tuple(
                    Reading(
                        meter=meter,
                        number=REV_MAX,
                        time_ms=now_ms,
                        energy_wh=10**9,
                        balance_ueur=999 * UEUR_PER_EUR,
                        supply=Supply.ON,
                    )
                    for meter in ids
                    if self._link_of(meter) == link
                )
                message = write_message(Readings(link=link, readings=readings))
                self._say(Place(Channel.READINGS, link=link), message)
            case Forgery.REPLAY:
                heard = [(place_of(each.topic), each.payload) for each in list(self._broker.heard)]
                for place, payload in heard:
                    if place is not None and place.channel in _REPLAYED:
                        self._say(place, payload)

    def flood(self, deed: Flood) -> None:
        """Say a thing very often, all at once."""
        if deed is Flood.STRANGERS:
            for first in range(0, _STRANGERS, _PHANTOMS):
                self._sync("link-2", [_holds(f"s{first + number:05d}") for number in range(_PHANTOMS)])
            return
        for place, payload in flood(deed, self._plan):
            self._say(place, payload)

    def report_far(self, meter: str) -> None:
        """Report instants that no clock shows, with the meter's own key; all else as in its last report."""
        topic = topic_of(Place(Channel.REPORTED, link=self._link_of(meter), meter=meter))
        last = next((each for each in reversed(self._broker.heard) if each.topic == topic), None)
        report = None if last is None else read_report(last.payload)[0]
        if not isinstance(report, Reported):
            return
        far = msgspec.structs.replace(
            report,
            number=report.number + 1,
            earliest_ms=REV_MAX,
            latest_ms=REV_MAX,
            time_ms=REV_MAX,
            next_possible_ms=REV_MAX,
            witnesses=tuple(
                msgspec.structs.replace(each, heard_ms=-REV_MAX, offset_ms=REV_MAX)
                for each in report.witnesses
            ),
        )
        key = meter_key(secrets().fleet_key, meter)
        self._say(Place(Channel.REPORTED, link=self._link_of(meter), meter=meter), write_report(far, key))

    def _sync(self, link: str, holds: list[MeterHolds]) -> None:
        """As many messages as the size limit asks for."""
        while holds:
            count = len(holds)
            while len(write_message(Sync(link=link, meters=tuple(holds[:count]), more=False))) > (
                PAYLOAD_BYTES_MAX
            ):
                count //= 2
            message = write_message(Sync(link=link, meters=tuple(holds[:count]), more=count < len(holds)))
            self._say(Place(Channel.SYNC, link=link), message)
            holds = holds[count:]

    def _say(self, place: Place, payload: bytes) -> None:
        self._broker.accept(publication(place, payload))

    def _link_of(self, meter: str) -> str:
        return next(link for link, meters in self._plan.links_of().items() if meter in meters)


def _holds(meter: str) -> MeterHolds:
    """A meter that claims to hold whatever anybody may send it."""
    objects = (
        "hold/winter",
        "hold/spring",
        "release/all",
        f"release/{meter}",
        "flag/medical",
        "flag/dispute",
    )
    return MeterHolds(
        meter=meter,
        energy=Energy.ELECTRICITY,
        firmware="guarded",
        profile="wallonia-smart",
        supply=Supply.ON,
        clock=ClockStatus.TRUSTED,
        protections=tuple(Named(name, REV_MAX) for name in objects),
        calendars=(),
        lease_rev=REV_MAX,
        lease_ends_ms=_FAR_MS,
        statements=(StatementHeld("controller", REV_MAX, 10**12),),
        cut_orders=(),
        tombstones=("cut/arrears",),
        root_version=1,
    )
