"""A meter is replaced: another one at the same connection gets its household's money and protection.

All of it is one transaction. The money is one payment to the new meter, under an id that the store keeps with
the old one: so the command may run twice. Where a store was restored, and the new meter holds money that the
ledger does not know, that money answers what is carried over (`payments.requests`): it is not paid again.
"""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from sqlmodel import Session, col, select

from controller.connections import terms
from controller.connections.carrying import CarriedOver, carry_protection, draft_again, draft_terms, waits_at
from controller.connections.purses import as_fields, purse_of
from controller.connections.requests import settle_asked
from controller.connections.retiring import (
    RetiredView,
    check_silent,
    counts_as_speaking,
    line_of,
    retire,
    retired_view,
)
from controller.connections.rules import PurseKnown, worth_ueur
from controller.database.lookup import existing
from controller.database.numbers import next_number
from controller.database.tables import HouseholdRow, MeterRow, PaymentRequestRow, PaymentRow, RetiredRow
from controller.households.commissioning import SecretFile, check_elsewhere, household_of, write_secrets
from controller.meters.admission import admit
from controller.meters.behind import note_change
from controller.meters.retired import check_in_fleet
from controller.office import audit
from controller.office.audit import AuditAct
from controller.orders.acting import Act
from controller.orders.active import standing_orders
from controller.payments.acts import ToppedUp, top_up
from controller.payments.requests import RequestState
from protocols.errors import InputError, RefusedError, quoted
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta

_COUNTER: Final = "carried"
# A meter that speaks uses energy between its last report, a refund and its end. So much may stay on it.
STAYS_UEUR_MAX: Final = 1_000_000


class OldDisplay(Struct, frozen=True):
    """What a person has read from the display of the old meter.

    `shows_coming`: whether it shows the payments that the meter has not confirmed; None: nobody has said.
    """

    balance_ueur: int
    shows_coming: bool | None = None


class Wanted(Struct, frozen=True, kw_only=True):
    """Which meter comes in the place of which. `display`: None: what the last report says counts."""

    old: str
    new: str
    ean: str
    link: str | None = None
    display: OldDisplay | None = None
    still_speaks: bool = False


class Replaced(Struct, frozen=True, kw_only=True):
    """A replacement. `new`: False where it was done before. `carried`: empty then.

    `paid`: how far the money has come; None: there was none to carry over, or the new meter holds it already.
    """

    retired: RetiredView
    link: str
    new: bool
    carried: CarriedOver = CarriedOver()
    paid: ToppedUp | None = None


def replace_meter(act: Act, wanted: Wanted, out: SecretFile | None = None) -> Replaced:
    """Put a meter in the place of another, with its household's money and protection.

    Raises RefusedError for an old meter that is not there, still speaks, or whose balance nobody knows; for a
    new one that is elsewhere, or has had money; InputError as `write_secret`, or for what is said in vain.
    """
    session = act.session
    done = session.get(RetiredRow, wanted.old)
    if done is not None and done.successor == wanted.new:
        return _done_before(act, wanted, done, out)
    row, old = _check_old(act, wanted)
    _check_new(session, wanted)
    purse = _purse(act, old, wanted)
    worth = worth_ueur(purse)
    assert worth is not None, "an unknown balance is refused"
    active = standing_orders(session, (old.id,)).get(old.id, [])
    left_ms = terms.last_left_ms(session, line_of(session, old.id)[0])
    debt = terms.debt_of(session, old.id, left_ms)
    parameters = terms.parameters_of(session, old.id, act.now_ms, left_ms)
    # What a meter holds that still speaks is used there: it is told, and never paid a second time.
    pays = worth > 0 and not counts_as_speaking(act, old, still_speaks=wanted.still_speaks)
    retired = RetiredRow(
        meter=old.id,
        ean=row.ean,
        successor=wanted.new,
        at_ms=act.now_ms,
        by=act.actor.name,
        basis=act.basis,
        worth_ueur=worth,
        said=int(wanted.display is not None),
        payment=_new_payment(session) if pays else None,
    )
    alone = terms.left_of(session, old.id)
    waits = waits_at(session, old.id, purse.claimed_ueur)
    retire(act, retired)
    link = _place(act, row, old, wanted)
    carried = carry_protection(act, active, wanted.new)
    carried = draft_terms(act, carried, old, wanted.new, debt, parameters, alone)
    paid = None if retired.payment is None else top_up(act, retired.payment, wanted.new, worth, again=True)
    carried = draft_again(act, carried, waits, wanted.new, 0 if paid is None else worth)
    _record(act, retired, purse)
    return _written(act, wanted, retired, link, out, carried, paid)


def _check_old(act: Act, wanted: Wanted) -> tuple[HouseholdRow, MeterRow]:
    session = act.session
    row = household_of(session, wanted.ean)
    check_in_fleet(session, (wanted.old,))
    if row.meter != wanted.old:
        raise RefusedError(f"EAN {row.ean}: has meter {row.meter}, not {wanted.old}; allowed: the one it has")
    old = session.get(MeterRow, wanted.old)
    if old is None:
        raise RefusedError(
            f"meter {quoted(wanted.old)}: has never spoken, and nothing was ever paid to it; allowed: "
            f"`relance meters commission {wanted.new} --ean {row.ean}`, and `relance topup` for what its "
            "display shows"
        )
    taken_down = wanted.display is not None
    check_silent(act, old, still_speaks=wanted.still_speaks, taken_down=taken_down)
    return row, old


def _check_new(session: Session, wanted: Wanted) -> None:
    new = wanted.new
    if new == wanted.old:
        raise InputError(f"NEW: {quoted(new)} is the old one; allowed: the id of another meter")
    check_in_fleet(session, (new,))
    check_elsewhere(session, wanted.ean, new)
    paid = session.exec(select(PaymentRow.id).where(PaymentRow.meter == new, PaymentRow.found == 0)).first()
    taken = select(PaymentRequestRow.id).where(col(PaymentRequestRow.state) != RequestState.REFUSED)
    asked = session.exec(taken.where(PaymentRequestRow.meter == new)).first()
    if (paid or asked) is not None:
        raise RefusedError(
            f"meter {quoted(new)}: has had payment {paid or asked}; allowed: a meter without any, so "
            "that what is carried over comes first"
        )


def _purse(act: Act, old: MeterRow, wanted: Wanted) -> PurseKnown:
    """The purse of the old meter, its balance known. Raises RefusedError or InputError as `replace_meter`."""
    known = purse_of(act.session, old, settle_asked(act, old.id))
    if wanted.still_speaks:
        if wanted.display is not None:
            raise InputError("--balance-eur: allowed: without --still-speaks, of a meter that was taken down")
        if not _stays(known):
            raise RefusedError(
                f"meter {quoted(old.id)}: still speaks, and credit would be in two meters; allowed with "
                f"--still-speaks: at most {eur_from_quanta(STAYS_UEUR_MAX * QUANTA_PER_UEUR)} EUR on its "
                "purse by the last report, which stay there, and no payment that waits or refund; "
                f"`relance refund {old.id}` takes out what was paid back"
            )
        return known
    if wanted.display is None:
        if known.balance_ueur is None:
            raise RefusedError(
                f"meter {quoted(old.id)}: its balance is unknown: it has reported none; "
                "allowed: --balance-eur, as its display shows it"
            )
        return known
    return _shown(known, old.id, wanted.display)


def _stays(known: PurseKnown) -> bool:
    """Whether a purse may stay on a meter that speaks: little enough, and nothing comes or was paid back.

    What was paid back and is not out of the balance yet would be the household's in cash and there.
    """
    balance_ueur = known.balance_ueur
    if balance_ueur is None or known.coming_ueur or known.asked_ueur:
        return False
    return balance_ueur <= 0 or (balance_ueur <= STAYS_UEUR_MAX and not known.leaving_ueur)


def _shown(known: PurseKnown, meter: str, display: OldDisplay) -> PurseKnown:
    """The purse with the balance of the display in place of the reported one."""
    if known.leaving_ueur:
        raise RefusedError(
            f"meter {quoted(meter)}: a refund waits for its answer, and nobody knows whether the display "
            "shows it; allowed: without --balance-eur, or once the refund has ended"
        )
    if known.coming_ueur and display.shows_coming is None:
        coming_eur = eur_from_quanta(known.coming_ueur * QUANTA_PER_UEUR)
        raise RefusedError(
            f"meter {quoted(meter)}: has not confirmed payments of {coming_eur} EUR; allowed: "
            "--unconfirmed shown, if the balance of the display has them, or --unconfirmed missing"
        )
    credited_ueur = known.paid_ueur if display.shows_coming else known.credited_ueur
    return replace(known, balance_ueur=display.balance_ueur, credited_ueur=credited_ueur)


def _new_payment(session: Session) -> str:
    """An id that no payment has."""
    while True:
        name = f"carried.{next_number(session, _COUNTER)}"
        if session.get(PaymentRow, name) is None and session.get(PaymentRequestRow, name) is None:
            return name


def _place(act: Act, row: HouseholdRow, old: MeterRow, wanted: Wanted) -> str:
    """Put the new meter at the connection, and admit it. Returns its link."""
    session = act.session
    row.meter = wanted.new
    session.add(row)
    before = session.get(MeterRow, wanted.new)
    link = wanted.link or row.link or old.link
    if before is None:
        admit(session, (wanted.new,), link, act.actor.name, act.now_ms)
    note_change(session)
    return link if before is None else before.link


def _done_before(act: Act, wanted: Wanted, done: RetiredRow, out: SecretFile | None) -> Replaced:
    if done.ean != wanted.ean:
        raise RefusedError(f"meter {quoted(done.meter)}: was replaced at EAN {done.ean}, not {wanted.ean}")
    link = existing(act.session, MeterRow, wanted.new).link
    return _written(act, wanted, done, link, out, None, None)


def _record(act: Act, retired: RetiredRow, purse: PurseKnown) -> None:
    audit.record(
        act.session,
        act.now_ms,
        act.actor.name,
        AuditAct.REPLACE,
        retired.meter,
        ean=retired.ean,
        successor=retired.successor,
        worth_ueur=retired.worth_ueur,
        payment=retired.payment,
        **as_fields(purse),
    )


def _written(
    act: Act,
    wanted: Wanted,
    retired: RetiredRow,
    link: str,
    out: SecretFile | None,
    carried: CarriedOver | None,
    paid: ToppedUp | None,
) -> Replaced:
    if out is not None:
        # Each copy of a meter's keys is in the audit, as at its commissioning.
        audit.record(
            act.session,
            act.now_ms,
            act.actor.name,
            AuditAct.COMMISSION,
            wanted.new,
            ean=wanted.ean,
            link=link,
            keys_written=1,
        )
    write_secrets(out, wanted.new, wanted.ean)
    view = retired_view(act.session, retired)
    if carried is None:
        return Replaced(retired=view, link=link, new=False)
    return Replaced(retired=view, link=link, new=True, carried=carried, paid=paid)
