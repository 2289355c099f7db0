"""The card slot: what a card carries is obeyed, in a fixed order, and answered 9 or 8 (domain.md §1.1.1).

    9   accepted, two beeps
    8   non-relance: a programmed cut has fired, and this is not the card that restarts the meter

Payments are credited whatever the answer, once per id. The recovery card of July 2020 (domain.md
§1.1.2) restarts a meter in emergency credit mode; the credit check goes on from there.
"""

from emulator.firmware.credit import pay
from emulator.firmware.events import CardPass
from emulator.firmware.legacy.card_dates import CardDates
from emulator.firmware.legacy.clock import ObedientClock
from emulator.firmware.legacy.defects.line import Acted, DefectLine
from emulator.firmware.legacy.registers import Registers
from emulator.firmware.legacy.zone import LegalZone
from emulator.firmware.service_point import ServicePoint
from emulator.firmware.ticks import Tick
from protocols.documents.kind_rule import Kind
from protocols.instants import UtcMs
from protocols.link.records import OrderJudged
from protocols.reasons import CreditCause, Did, OrderVerdict, Refusal, ScreenCode, Supply, SupplyReason

# The meter has one place for a suspension and one for a recovery: objects without an id of their own.
SUSPENSION = "hold/card"
RECOVERY = "release/meter"


class CardSlot:
    """Reads cards into the meter's clock, dates and purse."""

    __slots__ = ("_clock", "_dates", "_defects", "_paid", "_point", "_zone")

    def __init__(
        self,
        zone: LegalZone,
        defects: DefectLine,
        clock: ObedientClock,
        dates: CardDates,
        point: ServicePoint,
    ) -> None:
        self._zone = zone
        self._defects = defects
        self._clock = clock
        self._dates = dates
        self._point = point
        self._paid: set[str] = set()

    def read(self, card: CardPass, at_tick: Tick) -> None:
        """Obey everything on the card, in the order of its fields, and answer."""
        self._clock.hear_card(card.date_ms, card.date_source, at_tick)
        paid = self._take_payment(card, at_tick)
        self._take_suspension(card, at_tick)
        self._take_programmed_cut(card, at_tick)
        self._take_cancellation(card, at_tick)
        if card.restart:
            self._restart(card, at_tick)
        if self._dates.blocked:
            self._point.recorder.show(at_tick, "non-relance", ScreenCode.NOT_RELANCED)
        elif paid:
            self._point.recorder.show(at_tick, "card accepted", ScreenCode.ACCEPTED)
        else:
            self._point.recorder.show(at_tick, "credit refused")

    def _take_payment(self, card: CardPass, at_tick: Tick) -> bool:
        """Credit what the card brings, once per id; False: refused.

        Above 0 again ends a cut for credit, unless a programmed cut has fired since: that blocks.
        """
        if not card.payment or card.payment in self._paid:
            return True
        acted: list[Acted] = []
        refused = self._defects.refuses_payment(self._clock.read(at_tick), acted)
        self._clock.journal_faults(acted, at_tick)
        object_name = f"payment/{card.payment}"
        if refused:
            self._journal(
                card, Kind.PAYMENT, object_name, Refusal.EXPIRED, at_tick, verdict=OrderVerdict.REFUSED
            )
            return False
        self._paid.add(card.payment)
        pay(self._point.credit, card.top_up_ueur)
        self._journal(card, Kind.PAYMENT, object_name, Did.CREDITED, at_tick)
        self._point.journal_credit(CreditCause.TOP_UP, at_tick)
        if self._is_cut_for_credit() and not self._dates.blocked and self._point.credit.balance_q > 0:
            self._point.reconnect(SupplyReason.TOP_UP, at_tick)
        return True

    def _take_suspension(self, card: CardPass, at_tick: Tick) -> None:
        if card.suspend_from_ms is None or card.suspend_until_ms is None:
            return
        from_ = self._card_date(card.suspend_from_ms, at_tick)
        until = self._card_date(card.suspend_until_ms, at_tick)
        self._dates.suspend(from_, until)
        self._journal(card, Kind.HOLD, SUSPENSION, f"no credit check from {from_} until {until}", at_tick)

    def _take_programmed_cut(self, card: CardPass, at_tick: Tick) -> None:
        if not card.programmed_cut or card.programmed_cut_ms is None:
            return
        acted: list[Acted] = []
        on_card = self._card_date(card.programmed_cut_ms, at_tick)
        cut_at = self._defects.cut_date(on_card, self._dates.cut_at, acted)
        self._clock.journal_faults(acted, at_tick)
        self._dates.program_cut(card.programmed_cut, cut_at)
        self._journal(card, Kind.CUT_ORDER, f"cut/{card.programmed_cut}", f"programmed for {cut_at}", at_tick)

    def _take_cancellation(self, card: CardPass, at_tick: Tick) -> None:
        if card.cancel_cut:
            found = self._dates.cancel_cut(card.cancel_cut)
            effect = "cancelled" if found else "nothing to cancel"
            self._journal(card, Kind.CANCEL_CUT, f"cut/{card.cancel_cut}", effect, at_tick)

    def _restart(self, card: CardPass, at_tick: Tick) -> None:
        """Supply again, on emergency credit where there is any to be lent; not against a safety cause."""
        was_cut = self._dates.blocked or self._is_cut_for_credit()
        self._dates.unblock()
        self._journal(card, Kind.RELEASE, RECOVERY, "restarted" if was_cut else "nothing to restart", at_tick)
        if not was_cut:
            return
        self._point.begin_emergency(at_tick)
        if self._point.reason not in (SupplyReason.SAFETY, SupplyReason.LEAK):
            self._point.reconnect(SupplyReason.RELEASE, at_tick)

    def _is_cut_for_credit(self) -> bool:
        return self._point.supply is Supply.OFF and self._point.reason is SupplyReason.CREDIT

    def _card_date(self, instant_ms: UtcMs, at_tick: Tick) -> Registers:
        """An instant as the card's calendar carries it: in legal local time."""
        acted: list[Acted] = []
        date = self._defects.card_date(self._zone.registers_at(instant_ms), acted)
        self._clock.journal_faults(acted, at_tick)
        return date

    def _journal(
        self,
        card: CardPass,
        kind: Kind,
        object_name: str,
        effect: str,
        at_tick: Tick,
        *,
        verdict: OrderVerdict = OrderVerdict.ACCEPTED,
    ) -> None:
        self._point.recorder.journal(
            at_tick, OrderJudged("", kind, object_name, card.number, verdict, effect)
        )
