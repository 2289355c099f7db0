"""What people truly paid, what a thief may have added to it, and what of it meters and ledger must say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlmodel import Session, select

from controller.database.tables import PaymentRequestRow, PaymentRow
from controller.office.issuing import ALLOWANCE_UEUR_PER_DAY, CONTROLLER
from controller.payments.store import verify_ledger
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.guarded.paying import level_ueur
from protocols.documents.bodies import PaymentBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import body_of
from protocols.instants import DAY_MS, HOUR_MS
from protocols.limits import STATEMENT_UEUR_MAX
from tests.simulation.watch import Watch

# The service looks every two hours whether something is to be sent again, and waits six at most.
_SENT_AGAIN_MS: Final = 8 * HOUR_MS
# A meter counts with its crystal, which is 50 ppm wrong at most.
_CRYSTAL: Final = 1_000

Meters = Mapping[str, GuardedMeter]


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment of which the clerk was told that it is requested or booked: the money is taken."""

    meter: str
    amount_ueur: int


@dataclass(slots=True)
class Till:
    """What was paid, by payment, and what was given back.

    `back_ueur`: of payments that a restored store has forgotten and no meter had credited: their statements
    may be on their way still. `unpaid`: what a thief of a clerk's key requested.
    `forgot`: a copy has taken the store's place. `countersigned`: meters with a statement that two people
    have signed too, which takes nothing of the allowance.
    """

    paid: dict[str, Paid] = field(default_factory=dict)
    back_ueur: dict[str, int] = field(default_factory=dict)
    unpaid: list[Paid] = field(default_factory=list)
    forgot: bool = False
    countersigned: set[str] = field(default_factory=set)

    def paid_ueur(self, meter: str) -> int:
        """What was truly paid for a meter."""
        return sum(each.amount_ueur for each in self.paid.values() if each.meter == meter)

    def most_ueur(self, meter: str) -> int:
        """What a meter may have credited of what was requested, also of what people got back since."""
        unpaid_ueur = sum(each.amount_ueur for each in self.unpaid if each.meter == meter)
        return self.paid_ueur(meter) + unpaid_ueur + self.back_ueur.get(meter, 0)

    def take(self, payment: str, paid: Paid) -> None:
        """The clerk has taken a payment, or entered one again."""
        self.paid.setdefault(payment, paid)

    def restored(self, credited: set[str], known: set[str]) -> None:
        """A copy took the store's place: who paid since and has no credit gets the money back.

        `credited`: the payments that meters had credited; `known`: those that the copy knows.
        """
        self.forgot = True
        for payment, paid in list(self.paid.items()):
            if payment not in known and payment not in credited:
                del self.paid[payment]
                self.back_ueur[paid.meter] = self.back_ueur.get(paid.meter, 0) + paid.amount_ueur


def credited_ueur(meter: GuardedMeter) -> int:
    """What a meter has credited of all payments."""
    return meter.memory.totals.credited_ueur


def has_credited(meter: GuardedMeter, body: PaymentBody) -> bool:
    """Whether a statement is in what a meter has credited; of an epoch that it only keeps the sum of, yes."""
    held = {each.epoch: each.total_ueur for each in meter.memory.totals.held if each.issuer == body.issuer}
    if body.epoch in held:
        return held[body.epoch] >= body.total_ueur
    return bool(held) and body.epoch < min(held)


def credited_payments(session: Session, meters: Meters) -> set[str]:
    """The payments of the ledger whose statements meters have credited."""
    return {
        row.id
        for row in session.exec(select(PaymentRow).order_by(PaymentRow.id))
        if row.meter in meters
        and has_credited(meters[row.meter], PaymentBody(row.issuer, row.number, row.total_ueur, row.epoch))
    }


def known_payments(session: Session) -> set[str]:
    """The payments that the store knows, requested or booked."""
    requested = session.exec(select(PaymentRequestRow.id).order_by(PaymentRequestRow.id))
    booked = session.exec(select(PaymentRow.id).where(PaymentRow.found == 0).order_by(PaymentRow.id))
    return {*requested, *booked}


def allowed_ueur(meter: GuardedMeter, span_ms: int) -> int:
    """The most that an issuer's key alone can have credited in a while: its allowance.

    That is one day's for each epoch of the issuer and for each loss of ticks, and as much a day.
    """
    epochs = len({each.epoch for each in meter.memory.totals.held if each.issuer == CONTROLLER})
    grown_ueur = ALLOWANCE_UEUR_PER_DAY * span_ms // DAY_MS
    begun_ueur = (epochs + meter.memory.clock.epoch) * ALLOWANCE_UEUR_PER_DAY
    return begun_ueur + grown_ueur + ALLOWANCE_UEUR_PER_DAY // _CRYSTAL


def stolen_ueur(watch: Watch, name: str, meter: GuardedMeter, span_ms: int) -> int:
    """The most that statements of a thief have credited: the highest taken, and no more than the allowance.

    Without the key of an issuer it is nothing.
    """
    highest_ueur: dict[tuple[str, int], int] = {}
    seen = watch.of(name)
    for page in (*(page for page, _ in seen.pages(Kind.PAYMENT)), *seen.before.values()):
        if page.ours or page.order.kind is not Kind.PAYMENT:
            continue
        body = body_of(page.order, PaymentBody)
        key = body.issuer, body.epoch
        highest_ueur[key] = max(highest_ueur.get(key, 0), body.total_ueur)
    # Of a meter made anew nobody counts any more how often it had lost its ticks.
    most_ueur = STATEMENT_UEUR_MAX if seen.before else allowed_ueur(meter, span_ms)
    return min(sum(highest_ueur.values()), most_ueur)


def waits(meter: GuardedMeter, total_ueur: int) -> bool:
    """Whether what is missing of a ledger's total is above the allowance, now or until shortly before."""
    issuer = None if meter.memory.issuers is None else meter.memory.issuers.of(CONTROLLER)
    if issuer is None:
        return False
    level = level_ueur(meter.memory.allowances[CONTROLLER], issuer, meter.tick)
    shortly_ueur = issuer.allowance_ueur_per_day * _SENT_AGAIN_MS // DAY_MS
    held = meter.memory.totals.of(CONTROLLER)
    return total_ueur - (0 if held is None else held.total_ueur) > max(0, level - shortly_ueur)


def doubled(till: Till, stolen: Mapping[str, int], meters: Meters) -> Iterator[str]:
    """No meter has credited more than was paid, and what a thief may have added."""
    for name, meter in meters.items():
        most_ueur = till.most_ueur(name) + stolen[name]
        if credited_ueur(meter) > most_ueur:
            yield f"{name} has credited {credited_ueur(meter)} µ€; paid were {most_ueur} µ€"


def over_allowance(till: Till, meters: Meters, span_ms: int) -> Iterator[str]:
    """What no two people have countersigned stays within the allowance of the issuer that meters know."""
    for name, meter in meters.items():
        by_issuer = meter.memory.issuers is not None and all(each.epoch for each in meter.memory.totals.held)
        most_ueur = allowed_ueur(meter, span_ms)
        if by_issuer and name not in till.countersigned and credited_ueur(meter) > most_ueur:
            yield f"{name} has credited {credited_ueur(meter)} µ€; the allowance is {most_ueur} µ€"


def late(till: Till, session: Session, meters: Meters) -> Iterator[str]:
    """Each meter has credited what was paid and what the ledger says, but for what is above an allowance."""
    for name, meter in meters.items():
        rows = _rows(session, name)
        due_ueur = max(till.paid_ueur(name), _sum_ueur(rows))
        if credited_ueur(meter) < due_ueur and not waits(meter, _last_ueur(rows)):
            yield f"{name} has credited {credited_ueur(meter)} µ€; due were {due_ueur} µ€"


def lost(till: Till, stolen: Mapping[str, int], session: Session, meters: Meters) -> Iterator[str]:
    """Statements = ledger = what people paid, and what a thief has added, which the ledger has found."""
    yield from verify_ledger(session)
    yield from late(till, session, meters)
    for name, meter in meters.items():
        rows = _rows(session, name)
        all_ueur, booked_ueur = _sum_ueur(rows), _sum_ueur([row for row in rows if not row.found])
        paid_ueur, most_ueur = till.paid_ueur(name), till.most_ueur(name)
        if booked_ueur > most_ueur or not paid_ueur <= all_ueur <= most_ueur + stolen[name]:
            yield f"{name}: the ledger says {booked_ueur} of {all_ueur} µ€; paid were {paid_ueur} µ€"
        if not till.forgot and booked_ueur != most_ueur:
            yield f"{name}: the ledger says {booked_ueur} µ€; requested were {most_ueur} µ€"
        # What a thief has added in an epoch that is closed now needs no place in the ledger.
        is_closed = stolen[name] and len({each.epoch for each in meter.memory.totals.held}) > 1
        if credited_ueur(meter) > all_ueur and not is_closed:
            yield f"{name} has credited {credited_ueur(meter)} µ€; the ledger says {all_ueur} µ€"


def _rows(session: Session, meter: str) -> Sequence[PaymentRow]:
    return session.exec(select(PaymentRow).where(PaymentRow.meter == meter)).all()


def _sum_ueur(rows: Sequence[PaymentRow]) -> int:
    return sum(row.amount_ueur for row in rows)


def _last_ueur(rows: Sequence[PaymentRow]) -> int:
    last = max(rows, key=lambda row: row.number, default=None)
    return 0 if last is None else last.total_ueur
