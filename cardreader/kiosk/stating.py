"""The kiosk's own statement goes onto a card: by itself, or with whatever else is written there.

No card is locked against another program of the kiosk, which may take money or give some back while this one
writes. So the statement is compared with what counts in the very transaction that notes it as offered, just
before the card's commit; where it says something else by then, the card forgets it, and a new one is signed.
Money that has not come to its card waits for no further payment: every card of the meter brings it.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from cardreader.kiosk.desk import (
    Brought,
    CardAtDesk,
    Kiosk,
    PutOnCard,
    bring_documents,
    shown_by,
    write_card,
)
from cardreader.kiosk.ledger import (
    DraftedStatement,
    PaymentsChangedError,
    TillPurse,
    account_of,
    add_found,
    closed_on,
    confirm,
    draft_statement,
    offer,
    payments_of,
    purse_of,
    take_again,
)
from cardreader.kiosk.rules import PaymentState, Shown, found_money, is_money_waiting
from cardreader.kiosk.store import reading_kiosk, writing_kiosk
from cardreader.loading.contents import read_contents
from protocols.errors import RefusedError
from protocols.instants import UtcMs

# Another program would have to change a meter's payments in each of them, in the second that each takes.
_TRIES: Final = 3

T = TypeVar("T")


def state_on_card(
    kiosk: Kiosk,
    card: CardAtDesk,
    purse: TillPurse,
    now_ms: UtcMs,
    check: Callable[[DraftedStatement], None] = lambda _draft: None,
) -> tuple[DraftedStatement, PutOnCard]:
    """Puts the statement of all that counts onto the card. `check` raises where it is not what is wanted.

    Raises as `write_card`, and PaymentsChangedError where other programs change the payments again and again.
    """
    card = take_off_closed(kiosk, card, now_ms)

    def once() -> tuple[DraftedStatement, PutOnCard]:
        with writing_kiosk(kiosk.engine) as session:
            # What is forgotten here is proved by the statement that this one replaces on the card.
            proved = Shown(shown_by(kiosk.home, card, purse).proved_ueur)
            add_found(session, purse, found_money(account_of(session, purse), proved), now_ms)
            draft = draft_statement(session, kiosk.home, purse, now_ms)
        check(draft)
        written = write_card(
            kiosk, card, [draft.envelope], now_ms, lambda _held: _offer(kiosk, card, draft, now_ms)
        )
        _confirm(kiosk, draft, now_ms)
        return draft, written

    return until_unchanged(card, once)


def put_with_money(kiosk: Kiosk, card: CardAtDesk, document: bytes, now_ms: UtcMs) -> PutOnCard:
    """Puts a document onto the card, and with it the money that waits for the meter, where it has room.

    Raises as `write_card`.
    """

    def put(money: _OpenMoney) -> PutOnCard:
        return write_card(kiosk, card, [document, *money.documents], now_ms, money.before_commit)

    return _with_money(kiosk, card, now_ms, put)


def bring(kiosk: Kiosk, card: CardAtDesk, now_ms: UtcMs) -> Brought:
    """Puts onto a card what waits for its meter: documents and money, and nothing else."""

    def put(money: _OpenMoney) -> Brought:
        return bring_documents(kiosk, card, money.documents, now_ms, money.before_commit)

    return _with_money(kiosk, take_off_closed(kiosk, card, now_ms), now_ms, put)


def take_off_closed(kiosk: Kiosk, card: CardAtDesk, now_ms: UtcMs) -> CardAtDesk:
    """The card without the statement of a closed epoch that no meter has read: its money counts anew.

    A meter that has closed the epoch refuses that statement for ever, and one of the present epoch takes its
    place on the card. It is the same as a void by card and a new payment, and as safe: first the card has a
    statement without the money, and only then the money counts in the present epoch. Killed in between, it is
    being taken back (`voiding`), and the next visit goes on. Returns the card as it is now; this one where
    there is nothing of it. Raises as `write_card`.
    """
    try:
        purse = purse_of(kiosk.home, card.meter)
    except RefusedError:
        return card
    at = card.serial, card.chain
    with reading_kiosk(kiosk.engine) as session:
        if not closed_on(session, purse, at):
            return card

    def once() -> None:
        with writing_kiosk(kiosk.engine) as session:
            draft = draft_statement(session, kiosk.home, purse, now_ms)

        def before_commit(_held: Collection[bytes]) -> None:
            with writing_kiosk(kiosk.engine) as session:
                offer(session, draft, at, now_ms)
                for each in closed_on(session, purse, at):
                    each.state, each.changed_ms = PaymentState.VOIDING, now_ms
                    session.add(each)

        write_card(kiosk, card, [draft.envelope], now_ms, before_commit)
        with writing_kiosk(kiosk.engine) as session:
            confirm(session, kiosk.home, draft, now_ms)
            for each in closed_on(session, purse, at):
                take_again(each, purse.epoch, now_ms)
                session.add(each)

    until_unchanged(card, once)
    return replace(card, found=read_contents(card.session, kiosk.memory))


def until_unchanged(card: CardAtDesk, once: Callable[[], T]) -> T:
    """Does it again where another program has changed the payments meanwhile; the card forgets the first."""
    for _ in range(_TRIES - 1):
        try:
            return once()
        except PaymentsChangedError:
            card.session.abandon()
    return once()


@dataclass(slots=True)
class _OpenMoney:
    """The statement that a card lacks, on its way with something else. `draft` None: it lacks none."""

    kiosk: Kiosk
    card: CardAtDesk
    now_ms: UtcMs
    draft: DraftedStatement | None
    is_offered: bool = False

    @property
    def documents(self) -> Sequence[bytes]:
        return [] if self.draft is None else [self.draft.envelope]

    def before_commit(self, held: Collection[bytes]) -> None:
        """`held`: what the card holds after the commit: the statement may have had no room."""
        if self.draft is not None and self.draft.envelope in held:
            _offer(self.kiosk, self.card, self.draft, self.now_ms)
            self.is_offered = True

    def confirm(self) -> None:
        if self.draft is not None and self.is_offered:
            _confirm(self.kiosk, self.draft, self.now_ms)


def _with_money(kiosk: Kiosk, card: CardAtDesk, now_ms: UtcMs, put: Callable[[_OpenMoney], T]) -> T:
    for _ in range(_TRIES - 1):
        money = _OpenMoney(kiosk, card, now_ms, _draft_of_open(kiosk, card, now_ms))
        try:
            done = put(money)
        except PaymentsChangedError:
            card.session.abandon()
            continue
        money.confirm()
        return done
    # What gives supply back waits for no money.
    return put(_OpenMoney(kiosk, card, now_ms, None))


def _draft_of_open(kiosk: Kiosk, card: CardAtDesk, now_ms: UtcMs) -> DraftedStatement | None:
    """The statement that the card lacks; None: it lacks none, or no meter would take it.

    None too while it would replace one of a closed epoch (`take_off_closed`).
    """
    try:
        purse = purse_of(kiosk.home, card.meter)
    except RefusedError:
        return None
    shown = shown_by(kiosk.home, card, purse)
    with reading_kiosk(kiosk.engine) as session:
        if closed_on(session, purse, (card.serial, card.chain)):
            return None
        states = [each.state for each in payments_of(session, purse)]
        counting_ueur = account_of(session, purse).counting_ueur
    if not is_money_waiting(counting_ueur, states, shown):
        return None
    with writing_kiosk(kiosk.engine) as session:
        return draft_statement(session, kiosk.home, purse, now_ms)


def _offer(kiosk: Kiosk, card: CardAtDesk, draft: DraftedStatement, now_ms: UtcMs) -> None:
    with writing_kiosk(kiosk.engine) as session:
        offer(session, draft, (card.serial, card.chain), now_ms)


def _confirm(kiosk: Kiosk, draft: DraftedStatement, now_ms: UtcMs) -> None:
    with writing_kiosk(kiosk.engine) as session:
        confirm(session, kiosk.home, draft, now_ms)
