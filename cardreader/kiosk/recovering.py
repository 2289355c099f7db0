"""Supply back by card: a release, or the cancellation of a cut, signed by a clerk's own key.

A kiosk's own key signs neither. A release is numbered by the key that signs it, and a meter carries out each
number once: so it must be above what the card's meter says that it holds of this key. Until when the card may
be put in is said to the household, by the end of a local day. The meter refuses it after that, where its
clock is sure of it; a kiosk that doubts its own clock dates none, since no wrong clock may stand between a
household and its supply (decision 0072). The hold lasts its hours of ticks from the meter on.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import msgspec
from sqlmodel import Session

from cardreader.kiosk.desk import CardAtDesk, Kiosk, PutOnCard
from cardreader.kiosk.home import KioskHome
from cardreader.kiosk.stating import put_with_money
from cardreader.kiosk.store import note_mark, noted_mark, writing_kiosk
from cardreader.loading.holdings import holdings_on
from protocols.cutting.zones import instants_of_wall, load_zone, local_date
from protocols.documents import drafting
from protocols.documents.envelope import Signer, seal
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.orders import ORDER_TYPE, Order, Scope, write_document
from protocols.errors import InputError, RefusedError
from protocols.instants import HOUR_MS, UtcMs
from protocols.limits import RELEASE_HOURS, REV_MAX

# A number in the upper half is believed of no card, and given to none.
_BELIEVED_MAX: Final = REV_MAX // 2
# So far above what is known here a card is believed. No clerk signs as many releases in a life, wherever; and
# a forged card takes a millionth of the numbers of this key for its meter at most.
NUMBER_STEP_MAX: Final = 2**32
_ID_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Recovery:
    """An order that lies on the card. `hours`: that nothing cuts, from the meter on; 0: of a cancellation.

    `present_until_ms`: the end of the last local day on which the card may be put in; None: for ever.
    `is_judged`: whether the meter judges that end too.
    """

    order: Order
    written: PutOnCard
    hours: int = 0
    present_until_ms: int | None = None
    is_judged: bool = False


def check_hours(hours: int) -> None:
    """Raises InputError for hours that no release has."""
    if hours not in RELEASE_HOURS:
        raise InputError(f"--hours: {hours}; allowed: {', '.join(map(str, RELEASE_HOURS))}")


def check_clerk(home: KioskHome, signer: Signer) -> None:
    """Raises RefusedError for a key that may not give supply back, by the root of this home."""
    root = home.known_root()
    listed = None if root is None else root.roles.get(Role.PROTECT)
    if root is not None and (listed is None or signer.keyid not in listed.keyids):
        raise RefusedError("this key is not one of role protect in the kiosk's root: no meter obeys it")


def recover(kiosk: Kiosk, card: CardAtDesk, signer: Signer, hours: int, now_ms: UtcMs) -> Recovery:
    """Puts a release onto the card. Raises RefusedError where the key may not, or has no number left.

    `now_ms`: as `Kiosk.now_ms` says it: the machine's clock may be the one that is wrong.
    """
    check_hours(hours)
    check_clerk(kiosk.home, signer)
    until_ms = end_of_last_day_ms(now_ms, hours, kiosk.home.form.zone)
    is_judged = kiosk.tells_time or bool(kiosk.home.practice)
    with writing_kiosk(kiosk.engine) as session:
        number = _next_number(session, card, signer.keyid)

    def draft(sheet: drafting.Sheet) -> Order:
        order = drafting.release(sheet, signer.keyid, hours, Scope(meters=(card.meter,)))
        if not is_judged:
            return order
        return msgspec.structs.replace(order, not_before_ms=order.issued_at_ms, not_after_ms=until_ms)

    order, written = _put(kiosk, card, signer, number, draft, now_ms)
    return Recovery(order, written, hours, until_ms, is_judged)


def reactivate(kiosk: Kiosk, card: CardAtDesk, signer: Signer, cut: str, now_ms: UtcMs) -> Recovery:
    """Puts the cancellation of a programmed cut onto the card: it wins, whichever of both comes first."""
    check_clerk(kiosk.home, signer)
    order, written = _put(
        kiosk, card, signer, 1, lambda sheet: drafting.cancel_cut(sheet, cut, (card.meter,)), now_ms
    )
    return Recovery(order, written)


def end_of_last_day_ms(now_ms: int, hours: int, zone: str) -> int:
    """The end of the local day in which so many hours are over: a card "valid 24 h" is good all day long."""
    there = load_zone(zone)
    last = local_date(now_ms + hours * HOUR_MS, there)
    return max(instants_of_wall(last + timedelta(1), 0, there))


def _put(
    kiosk: Kiosk,
    card: CardAtDesk,
    signer: Signer,
    number: int,
    draft: Callable[[drafting.Sheet], Order],
    now_ms: UtcMs,
) -> tuple[Order, PutOnCard]:
    name = f"{kiosk.home.form.kiosk}-{secrets.token_hex(_ID_BYTES)}"
    order = draft(
        drafting.Sheet(name, number, now_ms, "practice" if kiosk.home.practice else "recovery card")
    )
    document = seal(write_document(order), ORDER_TYPE, [signer])
    return order, put_with_money(kiosk, card, document, now_ms)


def _next_number(session: Session, card: CardAtDesk, keyid: str) -> int:
    """The next number of a key for this meter; it is noted before the card is touched, and used once.

    What a card says that its meter holds is the word of whoever has the kiosks' keys: it lifts the number by
    a step at most. Where the meter does hold more, by such a card at another kiosk, the next visit is a step
    higher. Raises RefusedError where no number is left.
    """
    mark = f"release/{keyid}"
    own = f"{mark}/{card.meter}"
    given = noted_mark(session, mark) or 0
    held = _number_held(card, drafting.object_of(Kind.RELEASE, keyid))
    known = max(given, noted_mark(session, own) or 0)
    number = max(known, min(held, known + NUMBER_STEP_MAX)) + 1
    if max(held, number) > _BELIEVED_MAX:
        raise RefusedError(f"the card says that its meter holds release {held} of this key: ask the office")
    # What one card says lifts the numbers for its own meter alone.
    note_mark(session, mark, given + 1)
    note_mark(session, own, number)
    return number


def _number_held(card: CardAtDesk, name: str) -> int:
    holds = holdings_on(card.found)
    named = () if holds is None else holds.protections
    return max((max((each.floor, *each.revs)) for each in named if each.object == name), default=0)
